"""Record every step of a training run from Python, and evaluate its loss, for sgdwalk.

    from sgdwalk import Recorder

    with Recorder(model, optimizer, out="run") as recorder:
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                recorder.step(loss, epoch=epoch + 1)   # before the update
                optimizer.step()

Then, in a shell: sgdwalk path run; sgdwalk pca run. Analyses that need the loss have a
second script evaluate it, sgdwalk walk --objective "python3 objective.py" run:

    from sgdwalk import serve

    serve(lambda model: criterion(model(x), y), model)

One file, numpy only; PyTorch is used when the model is a torch.nn.Module. A model that
is none is a dict of float32 arrays, and step() is given the gradients:

    with Recorder({"w": w, "b": b}, out="run", grad=True) as recorder:
        recorder.step(loss, grads={"w": gw, "b": gb})

The steps go through a pipe to the program `sgdwalk ingest`, which writes them safely: it
must be in PATH, or name it with program= or the environment variable SGDWALK. Every step
is sent before step() returns; the pipe makes training wait when the disk is slower.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback
import weakref
import zlib
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

__all__ = ["Recorder", "RecorderError", "kinds_of", "layout_of", "serve"]

# Flags of a frame; sgdwalk's STREAM.md has the table.
_THETA, _GRAD, _STATE = 1, 2, 4
_NUMBERS = (1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12)
_HEAD_BYTES = 104


class RecorderError(RuntimeError):
    """The recording could not go on; the message is the recorder program's."""


def kinds_of(module: Any) -> dict[str, str]:
    """The kind of every parameter of a torch module, by the layer that owns it.

    Filter normalization and the parameters that a PCA takes go by kinds, so they are
    taken from the layers and never guessed from names. Parameters of layers that are not
    known are "weight" with two or more axes, "bias" when they are called so, else "other".
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

    kinds: dict[str, str] = {}
    for prefix, layer in module.named_modules():
        for name, p in layer.named_parameters(recurse=False):
            full = f"{prefix}.{name}" if prefix else name
            if isinstance(layer, (_NormBase, nn.LayerNorm, nn.GroupNorm)):
                kind = {"weight": "norm_scale", "bias": "norm_shift"}.get(name, "other")
            elif name == "bias" or name.startswith("bias_"):
                kind = "bias"
            elif isinstance(layer, _ConvTransposeNd):
                kind = "other"  # its units are on the second axis
            elif isinstance(layer, _ConvNd):
                kind = "filter"
            else:
                kind = "weight" if p.dim() >= 2 else "other"
            kinds[full] = kind
    return kinds


def layout_of(model: Any) -> dict[str, Any]:
    """The layout of a model, for `sgdwalk import --layout` of its checkpoints.

        json.dump(layout_of(model), open("layout.json", "w"))

    model is a torch.nn.Module or a dict of arrays, as for Recorder.
    """
    adapter = _adapter(model)
    return {"layout": adapter.layout, "state_layout": adapter.state_layout}


def _adapter(model: Any, kinds: Mapping[str, str] | None = None) -> Any:
    """How to reach the numbers of a model."""
    if isinstance(model, Mapping):
        adapter: Any = _ArrayModel(model, kinds or {})
    elif hasattr(model, "named_parameters"):
        adapter = _TorchModel(model)
    else:
        raise TypeError(f"the model is a {type(model).__name__}; it must be a torch.nn.Module or a dict of numpy arrays")
    names = [t["name"] for t in adapter.layout]
    if not names:
        raise ValueError("the model has no parameters")
    unknown = sorted(set(kinds or {}) - set(names))
    if unknown:
        raise ValueError(f"kinds names {unknown}; the model has {names}")
    for t in adapter.layout:
        t["kind"] = (kinds or {}).get(t["name"], t["kind"])
    return adapter


class _TorchModel:
    """Where theta, gradient and state of a torch module are."""

    def __init__(self, module: Any):
        import torch

        if isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            module = module.module  # whose names have no prefix
        self._torch, self._module = torch, module
        self._places: dict[Any, list[Any]] = {}
        self._arrays: dict[str, tuple[list[int], list[np.ndarray]]] = {}
        self.name = type(module).__name__
        self.parameters = list(module.named_parameters())  # shared ones once
        kinds = kinds_of(module)
        self.layout = [{"name": n, "kind": kinds[n], "shape": list(p.shape)} for n, p in self.parameters]
        # Counters such as num_batches_tracked are no statistics.
        buffers = [(n, b) for n, b in module.named_buffers() if b.is_floating_point()]
        # A module that is moved or converted gets new buffers: they are asked for anew.
        self._owners = [(module.get_submodule(n.rpartition(".")[0]), n.rpartition(".")[2]) for n, _ in buffers]
        self.state_layout = [{"name": n, "kind": self._state_kind(n), "shape": list(b.shape)} for n, b in buffers]
        other = sorted({str(t.dtype) for _, t in self.parameters + buffers} - {"torch.float32"})
        self.comment = f"recorded as float32; in the model some are {', '.join(other)}" if other else ""

    @staticmethod
    def _state_kind(name: str) -> str:
        return {"running_mean": "running_mean", "running_var": "running_variance"}.get(name.rsplit(".", 1)[-1], "other")

    def _gather(self, into: np.ndarray, tensors: Sequence[Any]) -> None:
        with self._torch.no_grad():
            for view, t in zip(self._views(into, tensors), tensors):
                view.copy_(t)

    def _views(self, into: np.ndarray, tensors: Sequence[Any]) -> list[Any]:
        """The places of the tensors in a vector: made once, for that takes longer than the copy."""
        key = into.__array_interface__["data"][0], into.size
        if key not in self._places:
            flat, at, views = self._torch.from_numpy(into), 0, []
            for t in tensors:
                views.append(flat[at : at + t.numel()].view(t.shape))
                at += t.numel()
            self._places[key] = views
        return self._places[key]

    def _copy(self, what: str, into: np.ndarray, tensors: Sequence[Any]) -> None:
        """_gather for tensors that stay where they are, in one call where they are plain."""
        places = [t.data_ptr() for t in tensors]
        if what not in self._arrays or self._arrays[what][0] != places:
            plain = all(t.device.type == "cpu" and t.dtype == self._torch.float32 and t.is_contiguous() for t in tensors)
            # The arrays are the tensors' memory, and keep it from being used for another.
            self._arrays[what] = places, [t.detach().numpy().reshape(-1) for t in tensors] if plain else []
        if self._arrays[what][1]:
            np.concatenate(self._arrays[what][1], out=into)
        else:
            self._gather(into, [t.detach() for t in tensors])

    def theta(self, into: np.ndarray) -> None:
        self._copy("theta", into, [p for _, p in self.parameters])

    def grad(self, into: np.ndarray, grads: Any) -> None:
        if grads is not None:
            raise ValueError("grads is for models that are no torch module; those of a torch module are read from it")
        zero = self._torch.zeros_like
        self._gather(into, [zero(p) if p.grad is None else p.grad.detach() for _, p in self.parameters])

    def _buffers(self) -> list[Any]:
        return [getattr(owner, name) for owner, name in self._owners]

    def state(self, into: np.ndarray) -> None:
        self._copy("state", into, self._buffers())

    def put(self, theta: np.ndarray, state: np.ndarray | None) -> None:
        """Set the parameters, and the statistics if they are given."""
        parts = [(theta, [p for _, p in self.parameters])] + ([(state, self._buffers())] if state is not None else [])
        with self._torch.no_grad():
            for vector, tensors in parts:
                for t, view in zip(tensors, self._views(vector, tensors)):
                    t.copy_(view)

    def take_state(self, names: Sequence[str]) -> None:
        """Take the buffers that a run recorded as its state."""
        buffers = dict(self._module.named_buffers())
        if names and all(n in buffers for n in names):  # otherwise sgdwalk names the difference
            self._owners = [(self._module.get_submodule(n.rpartition(".")[0]), n.rpartition(".")[2]) for n in names]
            self.state_layout = [{"name": n, "kind": self._state_kind(n), "shape": list(buffers[n].shape)} for n in names]

    def evaluate(self, loss_fn: Callable[[Any], Any], module: Any, grad: np.ndarray | None) -> tuple[Any, list[str]]:
        """Call loss_fn, and put the gradient into grad if that is wanted. Returns what
        loss_fn returned, and the names of the parameters without a gradient."""
        if grad is None:
            with self._torch.no_grad():
                return loss_fn(module), []
        module.zero_grad(set_to_none=True)
        backward, calls = self._torch.autograd.backward, []

        def counted(*args: Any, **kwargs: Any) -> None:
            calls.append(1)
            backward(*args, **kwargs)

        with self._torch.enable_grad(), _replaced(self._torch.autograd, backward=counted):
            result = loss_fn(module)
        if not calls:  # otherwise loss_fn has called backward() itself, perhaps batch by batch
            backward(_differentiable(result))
        elif all(p.grad is None for _, p in self.parameters):
            raise ValueError("loss_fn called backward(), and no parameter has a gradient after it")
        self.grad(grad, None)
        return result, [n for n, p in self.parameters if p.grad is None]

    def multiply(self, loss_fn: Callable[[Any], Any], module: Any, vectors: Sequence[np.ndarray], products: Sequence[np.ndarray]) -> None:
        """Multiply the Hessian by vectors: the gradient is differentiated once more."""
        torch = self._torch
        used = [p for _, p in self.parameters if p.requires_grad]
        directions = [[v.to(p) for v, (_, p) in zip(self._views(vector, [p for _, p in self.parameters]), self.parameters) if p.requires_grad] for vector in vectors]
        sums = [[torch.zeros_like(p) for p in used] for _ in vectors]
        gradient = [torch.zeros_like(p) for p in used]
        module.zero_grad(set_to_none=True)
        calls = []

        def piece(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False, grad_variables: Any = None, inputs: Any = None) -> None:
            """In the place of backward(): the products of one piece of the loss."""
            if inputs is not None:
                raise _NoProduct("loss_fn calls backward() with inputs")
            calls.append(1)
            outputs = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
            weights = [grad_tensors] if grad_tensors is None or isinstance(grad_tensors, torch.Tensor) else list(grad_tensors)
            first = torch.autograd.grad(outputs, used, weights if grad_tensors is not None else None, create_graph=True, allow_unused=True)
            for p, total, g in zip(used, gradient, first):
                if g is not None:
                    total += g.detach()
                    p.grad = g.detach().clone() if p.grad is None else p.grad + g.detach()
            for k, (direction, into) in enumerate(zip(directions, sums)):
                pairs = [(g, v) for g, v in zip(first, direction) if g is not None and g.requires_grad]
                if not pairs:
                    continue  # the loss is linear in what it uses
                second = torch.autograd.grad([g for g, _ in pairs], used, [v for _, v in pairs], retain_graph=bool(retain_graph) or k + 1 < len(sums), allow_unused=True)
                for total, h in zip(into, second):
                    if h is not None:
                        total += h

        with torch.enable_grad(), _twice_differentiable(torch):
            with _replaced(torch.autograd, backward=piece):
                result = loss_fn(module)
            if not calls:
                piece(_differentiable(result))
            elif not all(torch.equal(total, torch.zeros_like(p) if p.grad is None else p.grad) for p, total in zip(used, gradient)):
                raise _NoProduct("loss_fn changes the gradients after backward()")
        for product, into in zip(products, sums):
            rest = iter(into)
            self._gather(product, [next(rest) if p.requires_grad else torch.zeros_like(p) for _, p in self.parameters])
        module.zero_grad(set_to_none=True)

    def named(self, vector: np.ndarray) -> dict[str, Any]:
        """A vector as tensors by name, for a hvp of the caller."""
        return {n: v.to(p) for v, (n, p) in zip(self._views(vector, [p for _, p in self.parameters]), self.parameters)}

    def flat(self, product: Mapping[str, Any], into: np.ndarray) -> None:
        """What a hvp of the caller returned, as a vector."""
        tensors = []
        for n, p in self.parameters:
            t = product.get(n)
            if t is not None and tuple(t.shape) != tuple(p.shape):
                raise ValueError(f"hvp returned {n!r} with the shape {list(t.shape)}; the parameter has {list(p.shape)}")
            tensors.append(self._torch.zeros_like(p) if t is None or not p.requires_grad else t.detach())
        self._gather(into, tensors)


class _ArrayModel:
    """A model that is a dict of arrays, which the caller changes in place."""

    name, comment = "", ""
    state_layout: list[dict[str, Any]] = []

    def __init__(self, arrays: Mapping[str, np.ndarray], kinds: Mapping[str, str]):
        self.arrays = arrays
        self.layout = []
        for n, a in arrays.items():
            if not isinstance(a, np.ndarray) or not np.issubdtype(a.dtype, np.floating):
                raise TypeError(f"parameter {n!r} is {type(a).__name__}; it must be a numpy array of floating-point numbers")
            kind = kinds.get(n) or ("weight" if a.ndim >= 2 else "bias")
            self.layout.append({"name": n, "kind": kind, "shape": list(a.shape)})

    def _gather(self, into: np.ndarray, arrays: Mapping[str, Any], what: str) -> None:
        at = 0
        for t in self.layout:
            if t["name"] not in arrays:
                raise KeyError(f"{what} has no {t['name']!r}; it has {', '.join(map(repr, arrays))}")
            a = np.asarray(arrays[t["name"]], dtype=np.float32)
            n = int(np.prod(t["shape"]))
            if a.size != n:
                raise ValueError(f"{what} {t['name']!r} has {a.size} elements; the model had {n}")
            into[at : at + n] = a.ravel()
            at += n

    def theta(self, into: np.ndarray) -> None:
        self._gather(into, self.arrays, "the model")

    def grad(self, into: np.ndarray, grads: Any) -> None:
        if grads is None:
            raise ValueError("grad=True, so step() wants grads={name: array}")
        self._gather(into, grads, "grads")

    def state(self, into: np.ndarray) -> None:
        pass

    def put(self, theta: np.ndarray, state: np.ndarray | None) -> None:
        at = 0
        for a in self.arrays.values():
            a[...] = theta[at : at + a.size].reshape(a.shape)
            at += a.size

    def take_state(self, names: Sequence[str]) -> None:
        pass

    def evaluate(self, loss_fn: Callable[[Any], Any], model: Any, grad: np.ndarray | None) -> tuple[Any, list[str]]:
        result = loss_fn(model)
        if grad is None:
            return result, []
        if not isinstance(result, Mapping) or "grads" not in result:
            raise ValueError('a gradient is wanted: loss_fn must return {"loss": loss, "grads": {name: array}}')
        frozen = [n for n, g in result["grads"].items() if g is None]
        self.grad(grad, {n: np.zeros_like(self.arrays[n]) if g is None else g for n, g in result["grads"].items()})
        return result, frozen

    def named(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """A vector as arrays by name, for a hvp of the caller."""
        at, out = 0, {}
        for n, a in self.arrays.items():
            out[n] = vector[at : at + a.size].reshape(a.shape).astype(a.dtype)
            at += a.size
        return out

    def flat(self, product: Mapping[str, Any], into: np.ndarray) -> None:
        """What a hvp of the caller returned, as a vector."""
        self._gather(into, {n: np.zeros_like(a) if product.get(n) is None else product[n] for n, a in self.arrays.items()}, "the product")


_recorders: "weakref.WeakSet[Recorder]" = weakref.WeakSet()


def _leave_to_parent() -> None:
    """In a child that was forked, such as a DataLoader's worker, close the pipe: the
    stream ends when the last process that has it does."""
    for recorder in list(_recorders):
        if recorder._pipe is not None:
            recorder._pipe.close()
            recorder._pipe = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


class Recorder:
    """Records theta before every update, with the loss and, if asked, the gradient.

    Args:
        model: a torch.nn.Module, or a dict of numpy arrays that training changes in place.
        optimizer: a torch optimizer; its settings go into the header and its learning
            rate into every row. Without one give learning_rate to step() if you like.
        out: directory of the run; it must not exist.
        every: record every so many steps; the first and the last are always there.
        grad: record the gradients too.
        steps, epochs, batch, seed: what was asked for, for the header; steps also lets the
            recorder refuse before the first step when the disk is too small.
        data: fields of the data description, such as {"spec": "...", "train_examples": N}.
        kinds: kinds of parameters by name, where kinds_of or the number of axes is wrong.
        args: further arguments of `sgdwalk ingest`, such as ["--sketch", "project:256"].
        program: the sgdwalk program.

    Frozen parameters are part of theta, with gradient 0; tied ones are there once. The
    learning rate of the rows is that of the optimizer's first parameter group; settings
    of others are in the header. Statistics of normalization layers go to state: those
    before the forward pass of the step, as sgdwalk wants them. Leaving the with block records the last iterate; leaving
    it by an exception does not, and the run says that it is unfinished.
    """

    def __init__(
        self, model: Any, optimizer: Any = None, out: str | os.PathLike[str] | None = None, *, every: int = 1, grad: bool = False,
        steps: int = 0, epochs: int = 0, batch: int = 0, seed: int = 0, data: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None, comment: str = "", args: Sequence[str] = (), program: str | None = None,
    ):
        if out is None:
            raise ValueError("out is missing: the directory of the run, which must not exist")
        if os.path.lexists(out) and "--force" not in args:  # before the first step, where it is cheap
            raise FileExistsError(f"out={os.fspath(out)!r} exists already: name a new directory, or give args=['--force'] to replace a run")
        if every < 1:
            raise ValueError(f"every is {every}; it must be at least 1")
        self._model = _adapter(model, kinds)
        self._optimizer, self._every, self._grad = optimizer, every, grad
        p, s = (sum(int(np.prod(t["shape"])) for t in part) for part in (self._model.layout, self._model.state_layout))
        # One buffer for a frame: head, theta, gradient, state.
        self._frame = np.zeros(_HEAD_BYTES + 4 * (p + (p if grad else 0) + s), dtype=np.uint8)
        floats = self._frame[_HEAD_BYTES:].view(np.float32)
        self._theta, self._gradient = floats[:p], floats[p : 2 * p] if grad else None
        self._state = floats[2 * p if grad else p :]
        self._before = np.zeros(s, dtype=np.float32)  # statistics before the next forward pass
        self._model.state(self._before)
        self._steps, self._epoch, self._frames, self._pipe, self._torn = 0, 1, 0, None, False
        line = {
            "sgdwalk_stream": 1, "software": "sgdwalk.py 1", "model": self._model.name, "layout": self._model.layout,
            "state_layout": self._model.state_layout, "grad": grad, "steps": steps, "epochs": epochs, "batch": batch, "seed": seed,
            "optimizer": _describe(optimizer), "data": dict(data or {}), "comment": "; ".join(filter(None, (comment, self._model.comment))),
        }
        if every > 1 and not any(a.split("=")[0] == "--record" for a in args):
            args = [*args, "--record", f"every:{every}"]  # which steps come, for the header
        self._start([*_program(program), "ingest", "--out", os.fspath(out), *args])
        self._write(json.dumps(line).encode() + b"\n")

    def _start(self, command: list[str]) -> None:
        # What the program says is kept in a file: nobody reads a pipe while training.
        self._said = tempfile.TemporaryFile()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self._said, stderr=self._said, bufsize=0)
        self._pipe = self._process.stdin
        _recorders.add(self)
        try:  # a row at a time instead of 64 KiB; where the system has it
            import fcntl

            fcntl.fcntl(self._pipe, getattr(fcntl, "F_SETPIPE_SZ", 1031), 1 << 20)
        except (ImportError, OSError):
            pass

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            self._end()  # without the end of the stream: the run is marked

    def step(
        self, loss: Any, *, epoch: int | None = None, accuracy: float | None = None, learning_rate: float | None = None,
        examples: int = 0, full_loss: float | None = None, test_loss: float | None = None, grads: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one step: after the gradient is there, before the optimizer's update.

        loss is the mean loss of the batch at the parameters as they are now; epoch counts
        from 1; accuracy is that on the batch, 0 to 1; full_loss and test_loss are over
        whole sets, where you have measured them; examples is how many the batch has.
        With gradient accumulation there is one call for all batches of an update, with
        their mean loss.
        """
        if self._pipe is None:
            raise RecorderError("the recorder is closed")
        k, self._steps = self._steps, self._steps + 1
        self._epoch = self._epoch if epoch is None else epoch
        if k % self._every == 0:
            if learning_rate is None and self._optimizer is not None:
                learning_rate = float(self._optimizer.param_groups[0]["lr"])
            flags = _THETA
            self._model.theta(self._theta)
            if self._grad:
                flags |= _GRAD
                self._model.grad(self._gradient, grads)
            if self._before.size:
                flags |= _STATE
                self._state[:] = self._before
            numbers = (float(loss), accuracy, learning_rate, full_loss, test_loss)
            self._send(k, flags, numbers, examples)
        if self._before.size:
            self._model.state(self._before)

    def close(self, full_loss: float | None = None, test_loss: float | None = None) -> None:
        """Record the last iterate, end the stream and wait for the recorder."""
        if self._pipe is None:
            return
        self._model.theta(self._theta)
        flags, n = _THETA, _HEAD_BYTES + self._theta.nbytes
        if self._before.size:  # which follows theta directly: the last row has no gradient
            flags |= _STATE
            floats = self._frame[n:].view(np.float32)
            self._model.state(self._before)
            floats[: self._before.size] = self._before
        self._send(self._steps, flags, (None, None, None, full_loss, test_loss), 0)
        self._write(_head(b"SGDE", 0, self._frames))
        self._end()

    def _send(self, step: int, flags: int, numbers: Sequence[float | None], examples: int) -> None:
        size = self._theta.nbytes + (self._theta.nbytes if flags & _GRAD else 0) + (self._before.nbytes if flags & _STATE else 0)
        flags |= sum(flag for flag, v in zip(_NUMBERS, numbers) if v is not None)
        head = _head(b"SGDF", flags, step, [0.0 if v is None else float(v) for v in numbers], size, self._epoch, examples)
        self._frame[:_HEAD_BYTES] = np.frombuffer(head, dtype=np.uint8)
        self._write(self._frame[: _HEAD_BYTES + size].data)
        self._frames += 1

    def _write(self, data: Any) -> None:
        if self._torn:
            self._end()
            raise RecorderError("the recording was interrupted within a step: the run has the steps before it, and is marked as unfinished")
        try:
            self._torn = True  # should Ctrl-C come now: nobody knows how much has gone
            view = memoryview(data)
            while view.nbytes:
                view = view[self._pipe.write(view) :]
            self._torn = False
        except (BrokenPipeError, OSError) as e:
            self._end(failed=True)
            raise RecorderError(str(e)) from e  # _end has said more, unless the program said nothing

    def _end(self, failed: bool = False) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is None:
            return
        try:
            pipe.close()
        except OSError:
            pass
        status = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")
        self._said.close()
        message = next((s for s in reversed(said.splitlines()) if s.startswith("sgdwalk:")), said.strip() or f"the program ended with exit status {status} and said nothing")
        if failed:
            raise RecorderError(message)
        if status != 0 and "breaks off" not in message:
            raise RecorderError(message)


def serve(
    loss_fn: Callable[[Any], Any], model: Any, *, training: bool = False, state: bool = True,
    hvp: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> None:
    """Evaluate the loss for sgdwalk, which starts the script that calls this.

        sgdwalk walk --objective "python3 objective.py" run

    Args:
        loss_fn: is called with the model, whose parameters have been set, and returns the
            mean loss over the whole training set, or a dict with "loss" and what else is
            available: "accuracy" (0 to 1), "test_loss", "test_accuracy". The same
            parameters must give the same loss: no shuffling, no augmentation, no dropout.
            For a torch module it is called without gradients, or with them where they
            are needed (curvature): then backward() is called on the loss, unless loss_fn
            has called backward() itself, batch by batch.
        model: the torch.nn.Module that was recorded, with any weights, or the dict of
            arrays, which is changed in place and whose loss_fn returns "grads" too,
            {name: array}, if gradients are available. A gradient that is None is that of
            a frozen parameter.
        training: leave a torch module in the mode it is in; otherwise it is set to eval().
        state: False keeps the module's own statistics of normalization layers; otherwise
            they are those that the run recorded: of the iterate in walk and curvature,
            of the last one elsewhere.
        hvp: multiplies the Hessian of the loss by a vector: hvp(model, v) gets v as
            {name: tensor or array} and returns the product in the same form. A torch
            module needs none: the gradient is differentiated once more. Without products
            sgdwalk takes differences of gradients, and says so.

    What the script prints goes to standard error from here on: standard output is for
    the answers. It returns when sgdwalk has no more questions.
    """
    adapter = _adapter(model)
    if not training and not isinstance(model, Mapping):
        model.eval()
    questions, hello = _first_question()
    # Nothing else may read the questions or write between the answers.
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)

    def answer(line: Mapping[str, Any]) -> None:
        answers.write(json.dumps(line).encode() + b"\n")
        answers.flush()

    own: dict[str, Any] = {"sgdwalk_objective": 1, "gradient": True, "hessian": hvp is not None or hasattr(adapter, "multiply")}
    if state:
        adapter.take_state([t["name"] for t in hello.get("state_layout") or []])
        own["state_layout"] = _shapes(adapter.state_layout)
    own["layout"] = _shapes(adapter.layout)
    if hello.get("sgdwalk_objective") != 1:
        own["error"] = f"sgdwalk.py knows version 1 of the protocol, not {hello.get('sgdwalk_objective')}"
    theta, statistics, gradient, vectors, products = (_mapped(hello.get(name)) for name in ("theta", "state", "gradient", "vectors", "products"))
    answers.write(b"\n")  # ends what the script may have printed without a line break
    answer(own)
    for line in questions:
        question = json.loads(line)
        try:
            adapter.put(theta, statistics if state else None)
            if "hessian" in question["want"]:
                n = question["vectors"]
                reason = _multiply(adapter, loss_fn, hvp, model, vectors.reshape(-1, theta.size)[:n], products.reshape(-1, theta.size)[:n])
                answer({"id": question["id"], **({"hessian_absent": reason} if reason else {})})
                continue
            result, frozen = adapter.evaluate(loss_fn, model, gradient if "gradient" in question["want"] else None)
            numbers = result if isinstance(result, Mapping) else {"loss": result}
            answer({"id": question["id"], "frozen": frozen, **{name: _number(name, numbers[name]) for name in question["want"] if name in numbers}})
        except (Exception, SystemExit) as e:  # sgdwalk shows the line and what was printed
            traceback.print_exc()
            sys.stderr.flush()
            reason = f"loss_fn ended the program: sys.exit({e})" if isinstance(e, SystemExit) else f"{type(e).__name__}: {e}"
            answer({"id": question["id"], "error": reason})


def _first_question() -> tuple[Any, dict[str, Any]]:
    """What sgdwalk sends first; a script that somebody runs by hand says what it is."""
    script = os.path.basename(sys.argv[0]) or "objective.py"
    explain = SystemExit(
        f"{script} is an objective: it computes a loss for sgdwalk, which starts it and asks. "
        f'Do not run it by hand; run, for example: sgdwalk walk --objective "python3 {script}" RUN'
    )
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise explain
    questions = os.fdopen(os.dup(0), "rb")
    try:
        hello = json.loads(questions.readline())
    except ValueError:
        raise explain from None
    if not isinstance(hello, dict) or "sgdwalk_objective" not in hello:
        raise explain
    return questions, hello


class _NoProduct(Exception):
    """The Hessian of this loss cannot be multiplied by vectors."""


def _multiply(adapter: Any, loss_fn: Any, hvp: Any, model: Any, vectors: np.ndarray, products: np.ndarray) -> str:
    """Multiply the Hessian by vectors; returns why it cannot be done, or nothing."""
    if hvp is not None:
        for vector, product in zip(vectors, products):
            result = hvp(model, adapter.named(vector))
            if not isinstance(result, Mapping):
                raise TypeError(f"hvp returned {_kind(result)}; it must return {{name: tensor or array}}")
            adapter.flat(result, product)
        return ""
    try:
        adapter.multiply(loss_fn, model, list(vectors), list(products))
    except (_NoProduct, RuntimeError, NotImplementedError) as e:
        # A layer without a second derivative, not enough memory, ...
        return f"the gradient cannot be differentiated: {str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__}"
    return ""


@contextlib.contextmanager
def _replaced(owner: Any, **attributes: Any) -> Iterator[None]:
    """Replace attributes of a module for a while."""
    before = {name: getattr(owner, name) for name in attributes}
    try:
        for name, value in attributes.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


@contextlib.contextmanager
def _twice_differentiable(torch: Any) -> Iterator[None]:
    """Turn off what PyTorch cannot differentiate twice: checkpoints that compute a
    piece again, and fused attention."""
    import torch.utils.checkpoint as checkpoint

    class Direct:
        @staticmethod
        def apply(function: Any, preserve_rng_state: bool, *args: Any) -> Any:
            return function(*args)

    def direct(function: Any, preserve_rng_state: bool = True, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    with contextlib.ExitStack() as stack:
        for name, value in (("CheckpointFunction", Direct), ("_checkpoint_without_reentrant", direct)):
            if hasattr(checkpoint, name):
                stack.enter_context(_replaced(checkpoint, **{name: value}))
        try:
            from torch.nn.attention import SDPBackend, sdpa_kernel

            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        except ImportError:
            pass
        yield


def _differentiable(result: Any) -> Any:
    """The loss in what loss_fn returned, if it has a gradient."""
    loss = result["loss"] if isinstance(result, Mapping) else result
    _number("loss", loss)
    if not getattr(loss, "requires_grad", False):
        raise ValueError(
            f"a gradient is needed, and the loss has none: loss_fn returned {_kind(loss)} and called no backward(); "
            "return the loss as a tensor, without item(), detach() and no_grad()"
        )
    return loss


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of shape {list(shape)}" if shape is not None else "") if value is not None else "None"


def _shapes(layout: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": t["name"], "shape": t["shape"]} for t in layout]


def _mapped(path: str | None) -> np.ndarray | None:
    return np.memmap(path, dtype="<f4", mode="r+").view(np.ndarray) if path else None


def _number(name: str, value: Any) -> Any:
    """A number as JSON has it, which knows no NaN."""
    try:
        v = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f'loss_fn returned {_kind(value)} as {name!r}; it must return one number, or a dict with "loss"') from None
    return v if np.isfinite(v) else "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"


def _head(magic: bytes, flags: int, step: int, numbers: Sequence[float] = (0.0,) * 5, size: int = 0, epoch: int = 0, examples: int = 0) -> bytes:
    h = magic + struct.pack("<IqiiiIq5dqQ", flags, step, 0, epoch, examples, 0, step, *numbers, 0, size)
    return h + struct.pack("<II", zlib.crc32(h), 0)


def _program(program: str | None) -> list[str]:
    name = program or os.environ.get("SGDWALK") or "sgdwalk"
    if shutil.which(name) is None:
        raise FileNotFoundError(f"the program {name!r} is not in PATH: give program=, or set the environment variable SGDWALK")
    return [name]


def _describe(optimizer: Any) -> dict[str, Any]:
    """The optimizer in sgdwalk's words: its name and every number that it is set by.

    Settings of further parameter groups that differ from the first group's follow with
    the number of the group, as in learning_rate_group_1.
    """
    numbers: dict[str, float] = {}
    if optimizer is None:
        return {"name": "", "hyperparameters": numbers}
    group = optimizer.param_groups[0]
    name = type(optimizer).__name__.lower()
    if name == "sgd":
        name = "nesterov" if group.get("nesterov") else "momentum" if group.get("momentum") else "sgd"
    if group.get("amsgrad"):
        name = "amsgrad" if name == "adam" else f"{name}_amsgrad"  # another rule
    for i, group in enumerate(optimizer.param_groups):
        for key, value in _settings(group).items():
            if i == 0:
                numbers[key] = value
            elif value != numbers.get(key):
                numbers[f"{key}_group_{i}"] = value
    return {"name": name, "hyperparameters": numbers}


def _settings(group: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a parameter group. initial_lr is a scheduler's, and a
    dampening of 0 is none."""
    numbers: dict[str, float] = {}
    for key, value in group.items():
        if key == "betas":
            numbers["beta1"], numbers["beta2"] = map(float, value)
        elif isinstance(value, (int, float)) and (not isinstance(value, bool) or key == "centered") and np.isfinite(value):
            numbers[{"lr": "learning_rate", "eps": "epsilon"}.get(key, key)] = float(value)
    numbers.pop("initial_lr", None)
    if numbers.get("dampening") == 0:
        del numbers["dampening"]
    return numbers

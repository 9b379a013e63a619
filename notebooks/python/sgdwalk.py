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
from typing import Any, Callable, Mapping, Sequence

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
        self._torch = torch
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

    def evaluate(self, loss_fn: Callable[[Any], Any], module: Any, grad: np.ndarray | None) -> Any:
        """Call loss_fn, and put the gradient into grad if that is wanted."""
        if grad is None:
            with self._torch.no_grad():
                return loss_fn(module)
        module.zero_grad(set_to_none=True)
        with self._torch.enable_grad():
            result = loss_fn(module)
            loss = result["loss"] if isinstance(result, Mapping) else result
            if isinstance(loss, self._torch.Tensor) and loss.requires_grad:
                loss.backward()
            elif all(p.grad is None for _, p in self.parameters):
                raise ValueError("a gradient is wanted, but the loss has none and loss_fn called no backward()")
        self.grad(grad, None)
        return result


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

    def evaluate(self, loss_fn: Callable[[Any], Any], model: Any, grad: np.ndarray | None) -> Any:
        result = loss_fn(model)
        if grad is not None:
            if not isinstance(result, Mapping) or "grads" not in result:
                raise ValueError('a gradient is wanted: loss_fn must return {"loss": loss, "grads": {name: array}}')
            self.grad(grad, result["grads"])
        return result


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


def serve(loss_fn: Callable[[Any], Any], model: Any, *, training: bool = False, state: bool = True) -> None:
    """Evaluate the loss for sgdwalk, which starts the script that calls this.

        sgdwalk walk --objective "python3 objective.py" run

    Args:
        loss_fn: is called with the model, whose parameters have been set, and returns the
            mean loss over the whole training set, or a dict with "loss" and what else is
            to be had: "accuracy" (0 to 1), "test_loss", "test_accuracy". The same
            parameters must give the same loss: no shuffling, no augmentation, no dropout.
            For a torch module it is called without gradients, or with them where they
            are wanted (curvature): then backward() is called on the loss, unless it
            needs none because loss_fn has called backward() itself, batch by batch.
        model: the torch.nn.Module that was recorded, with any weights, or the dict of
            arrays, which is changed in place and whose loss_fn returns "grads" too,
            {name: array}, if gradients are to be had.
        training: leave a torch module in the mode it is in; otherwise it is set to eval().
        state: False keeps the module's own statistics of normalization layers; otherwise
            they are those that the run recorded: of the iterate in walk and curvature,
            of the last one elsewhere.

    What the script prints goes to standard error from here on: standard output is for
    the answers. It returns when sgdwalk has no more questions.
    """
    adapter = _adapter(model)
    if not training and not isinstance(model, Mapping):
        model.eval()
    if sys.stdin is None or sys.stdin.isatty():
        raise SystemExit('serve is for sgdwalk, which starts this script: sgdwalk walk --objective "python3 SCRIPT" RUN')
    # Nothing else may read the questions or write between the answers.
    sys.stdout.flush()
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)

    def answer(line: Mapping[str, Any]) -> None:
        answers.write(json.dumps(line).encode() + b"\n")
        answers.flush()

    hello = json.loads(questions.readline() or b"{}")
    own: dict[str, Any] = {"sgdwalk_objective": 1, "layout": _shapes(adapter.layout), "gradient": True}
    if state:
        own["state_layout"] = _shapes(adapter.state_layout)
    if hello.get("sgdwalk_objective") != 1:
        own["error"] = f"sgdwalk.py knows version 1 of the protocol, not {hello.get('sgdwalk_objective')}"
    theta, statistics, gradient = (_mapped(hello.get(name)) for name in ("theta", "state", "gradient"))
    answer(own)
    for line in questions:
        question = json.loads(line)
        try:
            adapter.put(theta, statistics if state else None)
            result = adapter.evaluate(loss_fn, model, gradient if "gradient" in question["want"] else None)
            numbers = result if isinstance(result, Mapping) else {"loss": result}
            answer({"id": question["id"], **{name: _number(numbers[name]) for name in question["want"] if name in numbers}})
        except Exception as e:  # sgdwalk shows the line and what was printed
            traceback.print_exc()
            answer({"id": question["id"], "error": f"{type(e).__name__}: {e}"})


def _shapes(layout: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": t["name"], "shape": t["shape"]} for t in layout]


def _mapped(path: str | None) -> np.ndarray | None:
    return np.memmap(path, dtype="<f4", mode="r+").view(np.ndarray) if path else None


def _number(value: Any) -> Any:
    """A number as JSON has it, which knows no NaN."""
    v = float(value)
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

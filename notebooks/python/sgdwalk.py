"""Record every step of a training run from Python, and evaluate its loss for sgdwalk.

    from sgdwalk import Recorder

    with Recorder(model, optimizer, out="run") as recorder:
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                recorder.step(loss, epoch=epoch)       # before the update
                optimizer.step()

Then run in a shell: sgdwalk path run; sgdwalk pca run. Analyses that need the loss start a
second script that evaluates it: sgdwalk walk --objective "python3 objective.py" run. That
script is:

    from sgdwalk import serve

    serve(lambda model: criterion(model(x), y), model)

This file needs numpy only. It uses PyTorch when the model is a torch.nn.Module. Any other
model is a dict of float32 arrays, and step() receives the gradients:

    with Recorder({"w": w, "b": b}, out="run", grad=True) as recorder:
        recorder.step(loss, grads={"w": gw, "b": gb})

The steps go through a pipe to the program `sgdwalk ingest`, which writes them safely. The
program must be in PATH, or program= or the environment variable SGDWALK must name it.
Recorder() returns when the program has accepted the run. Every step is sent before step()
returns; when the disk is slower than the training, the pipe makes the training wait.
"""

from __future__ import annotations

import atexit
import contextlib
import fnmatch
import functools
import json
import math
import operator
import os
import queue
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
import weakref
import zlib
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

__all__ = ["Recorder", "RecorderError", "RecorderWarning", "kinds_of", "layout_of", "serve"]

# Flags of a frame; STREAM.md of sgdwalk has the table.
_THETA, _GRAD, _STATE = 1, 2, 4
_NUMBERS = (1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12)
_RATES = 1 << 13
_HEAD_BYTES = 104


class RecorderError(RuntimeError):
    """The recording cannot continue. The message is the program's own, if there is one."""


class RecorderWarning(UserWarning):
    """The recording continues, but it may not be what you expect. Each warning comes once."""


def kinds_of(module: Any) -> dict[str, str]:
    """Return the kind of every parameter of a torch module, by the layer that owns it.

    Filter normalization and PCA select parameters by kind. Kinds come from the layers and
    are never guessed from names. A parameter of an unknown layer is "weight" if it has two
    or more axes, "bias" if that is its name, and otherwise "other".
    """
    kinds: dict[str, str] = {}
    for prefix, layer in _layers(module):
        sort = _sort_of(layer)
        for name, p in layer.named_parameters(recurse=False):
            if sort == "norm":
                kind = {"weight": "norm_scale", "bias": "norm_shift"}.get(name, "other")
            elif p.is_complex():
                kind = "other"  # recorded as pairs: the last axis has the real and the imaginary part
            elif name == "bias" or name.startswith("bias_"):
                kind = "bias"
            elif sort == "transposed":
                kind = "other"  # its units are on the second axis
            elif sort == "conv":
                kind = "filter"
            else:
                kind = "weight" if p.dim() >= 2 else "other"
            kinds[_join(prefix, name)] = kind
    return kinds


def _sort_of(layer: Any) -> str:
    """Return the sort of a layer that determines the kinds of its parameters, or "" for any other layer."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

    norms = (_NormBase, nn.LayerNorm, nn.GroupNorm, *([nn.RMSNorm] if hasattr(nn, "RMSNorm") else []))
    for sort, classes in (("norm", norms), ("transposed", (_ConvTransposeNd,)), ("conv", (_ConvNd,))):
        if isinstance(layer, classes):
            return sort
    script = getattr(layer, "original_name", "")  # the class that torch.jit.script compiled
    for sort, pattern in (("norm", r"\w+Norm(\dd)?"), ("transposed", r"ConvTranspose\dd"), ("conv", r"Conv\dd")):
        if re.fullmatch(pattern, script):
            return sort
    return ""


# Attributes by which wrapper modules hold the wrapped module; names of parameters leave them out.
_WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


def _layers(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield every layer with its name, without the parts that wrappers add."""
    from torch import nn

    layers, names = {}, {"": ""}
    for path, layer in module.named_modules():
        layers[path] = layer
        if path:
            parent, _, last = path.rpartition(".")
            parallel = last == "module" and isinstance(layers[parent], (nn.DataParallel, nn.parallel.DistributedDataParallel))
            names[path] = names[parent] if parallel or last in _WRAPPERS else _join(names[parent], last)
        yield names[path], layer


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def layout_of(model: Any) -> dict[str, Any]:
    """Return the layout of a model, for `sgdwalk import --layout` of its checkpoints.

        json.dump(layout_of(model), open("layout.json", "w"))

    model is a torch.nn.Module or a dict of arrays, as for Recorder.
    """
    adapter = _adapter(model)
    return {"layout": adapter.layout, "state_layout": adapter.state_layout}


def _adapter(model: Any, kinds: Mapping[str, str] | None = None, state: Sequence[str] = ()) -> Any:
    """Return an object that reads and writes the parameters of a model."""
    if isinstance(model, Mapping):
        adapter: Any = _ArrayModel(model, kinds or {})
    elif hasattr(model, "named_parameters"):
        adapter = _TorchModel(model, state)
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
    """Reads and writes theta, gradient and state of a torch module.

    It finds a tensor by its place: the layer and the attribute. So it uses the new tensor
    when a tensor is replaced by another one of the same shape.
    """

    def __init__(self, module: Any, state: Sequence[str] = ()):
        import torch

        self._torch, self.module = torch, module
        self._kept_views: dict[Any, list[Any]] = {}
        self._arrays: dict[str, tuple[list[int], list[np.ndarray]]] = {}
        while any(hasattr(module, w) for w in _WRAPPERS) or isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            module = next(getattr(module, w) for w in (*_WRAPPERS, "module") if hasattr(module, w))
        self.name = getattr(module, "original_name", type(module).__name__)
        self._places, self._shape = self._find(), self._tree()
        for name, p in zip(self._places, self.tensors()):
            self._refuse(name, p)
        kinds = kinds_of(self.module)
        self.layout = [{"name": n, "kind": kinds[n], "shape": list(_real(p).shape)} for n, p in self.parameters]
        self._wanted_state = state
        self._find_buffers(state)
        self.state_layout = [{"name": n, "kind": self._state_kind(n), "shape": list(b.shape)} for n, b in zip(self._statistics, self._buffers())]
        self.comment = self._comment()

    def _find(self) -> dict[str, tuple[Any, str]]:
        """Return the place of every parameter. A shared parameter has one place."""
        places, seen = {}, set()
        for prefix, layer in _layers(self.module):
            for key, p in layer.named_parameters(recurse=False):
                if id(p) not in seen:
                    seen.add(id(p))
                    places[_join(prefix, key)] = layer, key
        return places

    def _tree(self) -> list[Any]:
        """Return the layers and their numbers of parameters. It is quick, because it is called at every step."""
        if hasattr(self.module, "original_name"):
            return []  # a script module does not change
        return [part for layer in self.module.modules() for part in (*layer._modules.values(), len(layer._parameters))]

    def is_same_tree(self) -> bool:
        """Return False when a layer was replaced, or a layer or a parameter was added or removed."""
        now = self._tree()
        return len(now) == len(self._shape) and all(map(operator.is_, now, self._shape))

    def _refuse(self, name: str, p: Any) -> None:
        """Raise ValueError for a parameter that cannot be recorded."""
        t = self._torch
        if t.nn.parameter.is_lazy(p):
            why = "has no shape yet; call the model once before Recorder()"
        elif p.device.type == "meta":
            why = "is on the device meta, where it has no values"
        elif hasattr(p, "full_tensor") or type(p).__name__ == "FlatParameter":
            why = "is divided among the processes of a distributed job (FSDP, DTensor); record before it is divided"
        elif p.layout != t.strided:
            why = f"is sparse ({p.layout}); only dense parameters can be recorded"
        elif not (p.is_floating_point() or p.is_complex()):
            why = f"is of type {p.dtype}; only floating-point and complex parameters can be recorded"
        else:
            return
        raise ValueError(f"parameter {name!r} {why}")

    def _find_buffers(self, more: Sequence[str]) -> None:
        """Divide the buffers: running statistics, and buffers that the caller names, are state."""
        self._statistics: dict[str, tuple[Any, str]] = {}
        self._others: dict[str, tuple[Any, str, Any, int]] = {}
        named = set()
        for prefix, layer in _layers(self.module):
            for key, b in layer.named_buffers(recurse=False):
                name = _join(prefix, key)
                wanted = {pattern for pattern in more if fnmatch.fnmatchcase(name, pattern)}
                if wanted and not (b.is_floating_point() and b.numel()):
                    raise ValueError(f"state names the buffer {name!r}, a {b.dtype} of {b.numel()} elements; state is made of floating-point buffers that are not empty")
                named |= wanted
                if wanted or b.is_floating_point() and b.numel() and _is_statistic(layer, key):
                    self._statistics[name] = layer, key
                elif b.is_floating_point() or b.is_complex():  # counters such as num_batches_tracked are integers
                    self._others[name] = layer, key, b, b._version
        unknown = [pattern for pattern in more if pattern not in named]
        if unknown:
            raise ValueError(f"state names {unknown}; the model has the buffers {[*self._statistics, *self._others]}")

    def _comment(self) -> str:
        types_of = {str(t.dtype) for t in [*self.tensors(), *self._buffers()]} - {"torch.float32"}
        pairs = [n for n, p in self.parameters if p.is_complex()]
        notes = []
        if types_of:
            notes.append(f"recorded as float32; in the model some are {', '.join(sorted(types_of))}")
        if pairs:
            notes.append(f"complex, recorded as pairs of real and imaginary part: {_listed(pairs)}")
        if self._others:
            notes.append(f"buffers that are not recorded: {_listed(list(self._others))}")
        return "; ".join(notes)

    @staticmethod
    def _state_kind(name: str) -> str:
        return {"running_mean": "running_mean", "running_var": "running_variance"}.get(name.rsplit(".", 1)[-1], "other")

    def tensors(self) -> list[Any]:
        """Return the current tensors of the parameters, in the order of the layout."""
        try:
            return [getattr(layer, key) for layer, key in self._places.values()]
        except AttributeError:
            raise RecorderError(self.changes() or "a parameter is no longer there") from None

    @property
    def parameters(self) -> list[tuple[str, Any]]:
        return list(zip(self._places, self.tensors()))

    def _buffers(self) -> list[Any]:
        return [getattr(layer, key) for layer, key in self._statistics.values()]

    def changes(self) -> str:
        """Describe in words what has changed since the layout was made; empty if nothing has.

        A new tensor with the name and the shape of an old one is not a change: it is used
        from now on.
        """
        now = self._find()
        was = {t["name"]: t["shape"] for t in self.layout}
        gone, new = [n for n in was if n not in now], [n for n in now if n not in was]
        other = [f"{n!r} had the shape {was[n]} and has {shape}" for n, (layer, key) in now.items() if n in was and (shape := list(_real(getattr(layer, key)).shape)) != was[n]]
        parts = [f"{_listed(gone)} removed, or tied to another one"] if gone else []
        parts += [f"{_listed(new)} added, or no longer tied"] if new else []
        if parts or other:
            return "; ".join(parts + other)
        if not self.is_same_tree():
            others = self._others
            self._places, self._shape = now, self._tree()
            self._find_buffers(self._wanted_state)
            if [*self._statistics] != [t["name"] for t in self.state_layout]:
                return f"its statistics are now {_listed(list(self._statistics))}"
            self._others = {n: others.get(n, place) for n, place in self._others.items()}
        return ""

    def changed_buffers(self) -> list[str]:
        """Return the names of the buffers outside state that have changed."""
        return [n for n, (layer, key, b, version) in self._others.items() if getattr(layer, key, None) is not b or b._version != version]

    def version(self) -> int:
        """Return a number that changes when a parameter is changed in place."""
        return sum(p._version for p in self.tensors())

    def _gather(self, into: np.ndarray, tensors: Sequence[Any]) -> None:
        with self._torch.no_grad():
            for view, t in zip(self._views(into, tensors), tensors):
                view.copy_(t)

    def _views(self, into: np.ndarray, tensors: Sequence[Any]) -> list[Any]:
        """Return views of a vector, one per tensor. To make them takes longer than the copy, so they are kept."""
        key = into.__array_interface__["data"][0], into.size
        if key not in self._kept_views:
            flat, at, views = self._torch.from_numpy(into), 0, []
            for t in tensors:
                views.append(flat[at : at + t.numel()].view(t.shape))
                at += t.numel()
            self._kept_views[key] = views
        return self._kept_views[key]

    def _copy(self, what: str, layout: Sequence[Mapping[str, Any]], into: np.ndarray, tensors: Sequence[Any]) -> None:
        """Do what _gather does, for tensors whose memory stays in place: in one call if they are plain float32."""
        places = [t.data_ptr() for t in tensors]
        if what not in self._arrays or self._arrays[what][0] != places:
            tensors = [_real(t.detach()) for t in tensors]
            for entry, t in zip(layout, tensors):
                if list(t.shape) != entry["shape"]:
                    raise RecorderError(f"{entry['name']!r} had the shape {entry['shape']} when Recorder() was called, and has {list(t.shape)}")
            plain = all(t.device.type == "cpu" and t.dtype == self._torch.float32 and t.is_contiguous() for t in tensors)
            # The arrays share the tensors' memory, so no other tensor can reuse this memory.
            self._arrays[what] = places, [t.numpy().reshape(-1) for t in tensors] if plain else []
        if self._arrays[what][1]:
            np.concatenate(self._arrays[what][1], out=into)
        else:
            self._gather(into, [_real(t.detach()) for t in tensors])

    def theta(self, into: np.ndarray) -> None:
        self._copy("theta", self.layout, into, self.tensors())

    def grad(self, into: np.ndarray, grads: Any) -> None:
        if grads is not None:
            raise ValueError("grads is for models that are not a torch module; gradients of a torch module are read from its parameters")
        self._gather(into, [_dense(p) for p in self.tensors()])

    def without_gradient(self) -> list[str]:
        """Return the names of the parameters that require a gradient and have none."""
        return [n for n, p in self.parameters if p.requires_grad and p.grad is None]

    def trained(self) -> list[str]:
        return [n for n, p in self.parameters if p.requires_grad]

    def state(self, into: np.ndarray) -> None:
        self._copy("state", self.state_layout, into, self._buffers())

    def put(self, theta: np.ndarray, state: np.ndarray | None) -> None:
        """Set the parameters, and the statistics if state is given."""
        parts = [(theta, [_real(p.detach()) for p in self.tensors()])] + ([(state, self._buffers())] if state is not None else [])
        with self._torch.no_grad():
            for vector, tensors in parts:
                for t, view in zip(tensors, self._views(vector, tensors)):
                    t.copy_(view)

    def take_state(self, names: Sequence[str]) -> None:
        """Use as state the buffers that a run recorded as its state."""
        places = {**self._statistics, **{n: place[:2] for n, place in self._others.items()}}
        if names and all(n in places for n in names):  # otherwise sgdwalk reports the difference
            self._statistics = {n: places[n] for n in names}
            self.state_layout = [{"name": n, "kind": self._state_kind(n), "shape": list(b.shape)} for n, b in zip(names, self._buffers())]

    def evaluate(self, loss_fn: Callable[[Any], Any], module: Any, grad: np.ndarray | None) -> tuple[Any, list[str]]:
        """Call loss_fn, and put the gradient into grad unless grad is None. Return the
        result of loss_fn, and the names of the parameters without a gradient."""
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
        elif all(p.grad is None for p in self.tensors()):
            raise ValueError("loss_fn called backward(), and no parameter has a gradient after it")
        self.grad(grad, None)
        return result, [n for n, p in self.parameters if p.grad is None]

    def multiply(self, loss_fn: Callable[[Any], Any], module: Any, vectors: Sequence[np.ndarray], products: Sequence[np.ndarray]) -> None:
        """Multiply the Hessian by vectors, by differentiating the gradient once more."""
        torch = self._torch
        if any(p.is_complex() for p in self.tensors()):
            raise _NoProduct("the model has complex parameters")
        used = [p for _, p in self.parameters if p.requires_grad]
        directions = [[v.to(p) for v, (_, p) in zip(self._views(vector, [p for _, p in self.parameters]), self.parameters) if p.requires_grad] for vector in vectors]
        sums = [[torch.zeros_like(p) for p in used] for _ in vectors]
        gradient = [torch.zeros_like(p) for p in used]
        module.zero_grad(set_to_none=True)
        calls = []

        def piece(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False, grad_variables: Any = None, inputs: Any = None) -> None:
            """Replace backward(): add the products of one piece of the loss."""
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
                    continue  # the loss is linear in the parameters that it uses
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
        """Return a vector as tensors by name, for the caller's hvp."""
        views = self._views(vector, [_real(p.detach()) for p in self.tensors()])
        return {n: self._torch.view_as_complex(v.clone()).to(p) if p.is_complex() else v.to(p) for v, (n, p) in zip(views, self.parameters)}

    def flat(self, product: Mapping[str, Any], into: np.ndarray) -> None:
        """Write the result of the caller's hvp into a vector."""
        tensors = []
        for n, p in self.parameters:
            t = product.get(n)
            if t is not None and tuple(t.shape) != tuple(p.shape):
                raise ValueError(f"hvp returned {n!r} with the shape {list(t.shape)}; the parameter has {list(p.shape)}")
            tensors.append(_real(self._torch.zeros_like(p) if t is None or not p.requires_grad else t.detach()))
        self._gather(into, tensors)


def _is_statistic(layer: Any, key: str) -> bool:
    """Return whether a buffer is a running statistic of a normalization layer.

    The vectors of spectral normalization count as statistics, because the layer's weight
    depends on them.
    """
    if key.startswith("running_"):
        return True
    if type(layer).__name__ == "_SpectralNorm":
        return key in ("_u", "_v")
    hooks = getattr(layer, "_forward_pre_hooks", {})
    return any(type(h).__name__ == "SpectralNorm" and key in (h.name + "_u", h.name + "_v") for h in hooks.values())


def _real(t: Any) -> Any:
    """Return a complex tensor as pairs of real and imaginary part, and a real tensor as it is."""
    if not t.is_complex():
        return t
    import torch

    return torch.view_as_real(t.resolve_conj())


def _dense(p: Any) -> Any:
    """Return the dense gradient of a parameter; zeros if it has none."""
    import torch

    if p.grad is None:
        return _real(torch.zeros_like(p))
    g = p.grad.detach()
    return _real(g if g.layout == torch.strided else g.to_dense())


def _listed(names: Sequence[str]) -> str:
    """Return the first few names, for a message."""
    return ", ".join(map(repr, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


class _ArrayModel:
    """Reads and writes a model that is a dict of arrays, which the caller changes in place."""

    name, comment, module = "", "", None
    state_layout: list[dict[str, Any]] = []

    def __init__(self, arrays: Mapping[str, np.ndarray], kinds: Mapping[str, str]):
        self.arrays = arrays
        self.layout = []
        for n, a in arrays.items():
            if not isinstance(a, np.ndarray) or not np.issubdtype(a.dtype, np.floating):
                what = f"an array of {a.dtype}" if isinstance(a, np.ndarray) else f"a {type(a).__name__}"
                raise TypeError(f"parameter {n!r} is {what}; it must be a numpy array of floating-point numbers")
            kind = kinds.get(n) or ("weight" if a.ndim >= 2 else "bias")
            self.layout.append({"name": n, "kind": kind, "shape": list(a.shape)})

    def _gather(self, into: np.ndarray, arrays: Mapping[str, Any], what: str) -> None:
        at = 0
        for t in self.layout:
            if t["name"] not in arrays:
                raise ValueError(f"{what} has no {t['name']!r}; it has {', '.join(map(repr, arrays))}")
            a = np.asarray(arrays[t["name"]], dtype=np.float32)
            n = int(np.prod(t["shape"]))
            if list(a.shape) != t["shape"]:
                raise ValueError(f"{what}: {t['name']!r} has the shape {list(a.shape)}; the model had {t['shape']}")
            into[at : at + n] = a.ravel()
            at += n

    def theta(self, into: np.ndarray) -> None:
        self._gather(into, self.arrays, "the model")

    def grad(self, into: np.ndarray, grads: Any) -> None:
        if grads is None:
            raise ValueError("grad=True, so step() needs grads={name: array}")
        self._gather(into, grads, "grads")

    def state(self, into: np.ndarray) -> None:
        pass

    def is_same_tree(self) -> bool:
        return True

    def changes(self) -> str:
        new = [n for n in self.arrays if n not in {t["name"] for t in self.layout}]
        return f"{_listed(new)} added" if new else ""

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
        """Return a vector as arrays by name, for the caller's hvp."""
        at, out = 0, {}
        for n, a in self.arrays.items():
            out[n] = vector[at : at + a.size].reshape(a.shape).astype(a.dtype)
            at += a.size
        return out

    def flat(self, product: Mapping[str, Any], into: np.ndarray) -> None:
        """Write the result of the caller's hvp into a vector."""
        self._gather(into, {n: np.zeros_like(a) if product.get(n) is None else product[n] for n, a in self.arrays.items()}, "the product")


class _Program:
    """The program `sgdwalk ingest` and the pipe to it.

    A thread writes to the pipe. Ctrl-C does not interrupt the thread, so a frame is always
    written completely.
    """

    def __init__(self, command: Sequence[str]):
        # The program's messages go to a file, because no one reads a pipe during training.
        self._words = tempfile.TemporaryFile()
        # The program has its own session, so that Ctrl-C in the terminal interrupts the script only.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, bufsize=0, start_new_session=True)
        self._fd: int | None = os.dup(self.process.stdin.fileno())
        self.process.stdin.close()
        try:  # a larger pipe than 64 KiB, so that a row fits, where the system allows it
            import fcntl

            fcntl.fcntl(self._fd, getattr(fcntl, "F_SETPIPE_SZ", 1031), 1 << 20)
        except (ImportError, OSError):
            pass
        self.frames, self.error, self._busy = 0, None, False
        self._work: Any = queue.SimpleQueue()
        self._done: Any = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(self._fd,), daemon=True).start()

    def _run(self, fd: int) -> None:
        while True:
            data, token, is_frame = self._work.get()
            if data is None and token is None:
                os.close(fd)
                return
            try:
                view = memoryview(data or b"")
                while view.nbytes and self.error is None:
                    view = view[os.write(fd, view) :]
                self.frames += is_frame and self.error is None
            except OSError as e:
                self.error = e
            self._done.put(token)

    def wait(self) -> None:
        """Wait until everything given to write is written. After Ctrl-C a write may still be in progress."""
        if self._busy:
            token = object()
            self._work.put((b"", token, False))
            while self._done.get() is not token:
                pass
            self._busy = False

    def write(self, data: Any, is_frame: bool = False) -> None:
        """Write all of data. If the program has ended, error is set."""
        self._busy = True
        self._work.put((data, 0, is_frame))
        self.wait()

    def ready(self) -> bool:
        """Wait for the program's answer; return whether it has accepted the run."""
        return self.error is None and b"sgdwalk_ready" in self.process.stdout.readline()

    def end(self) -> tuple[int, str, dict[str, Any]]:
        """Close the pipe and wait for the program. Return its exit status, its last message and its result."""
        if self._fd is not None:
            self._fd = None
            self._work.put((None, None, False))
        out = self.process.stdout.read()
        status = self.process.wait()
        self.process.stdout.close()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").splitlines()
        self._words.close()
        words = next((s for s in reversed(lines) if s.startswith("sgdwalk:")), "")
        if status < 0:
            name = signal.Signals(-status).name if -status in {int(s) for s in signal.Signals} else "a signal"
            words = f"the program sgdwalk ingest was killed by signal {-status} ({name})" + (", perhaps because memory ran out" if status == -9 else "")
        elif status > 0 and not words:
            words = f"the program sgdwalk ingest ended with exit status {status}" + (f" and said: {lines[-1].strip()}" if lines else " and said nothing")
        try:
            return status, words, json.loads(out)
        except ValueError:
            return status, words, {}

    def abandon(self) -> None:
        """Close the copy of the pipe that a forked child has."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


_open: dict[str, "Recorder"] = {}  # recorders that are not closed, by directory


def _leave_to_parent() -> None:
    """Close the pipe in a forked child, such as a DataLoader's worker. The stream ends only
    when every process that has the pipe has closed it."""
    for recorder in list(_open.values()):
        recorder._program.abandon()
        recorder._program, recorder._ended, recorder._on_error = None, "the recorder is closed", "raise"
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


@atexit.register
def _close_all() -> None:
    """Close the recorders that the script has not closed. If the script died, mark their runs as unfinished."""
    died = getattr(sys, "last_type", None) is not None
    for recorder in list(_open.values()):
        if died:
            recorder._leave("the script has ended")
        else:
            recorder._on_error = "warn"
            recorder.close()


class _BeforeForward:
    """A hook that calls a method of the recorder before the model's forward pass.

    In a copy of the model the hook does nothing, and a saved model does not have it.
    """

    def __init__(self, recorder: "Recorder | None", module: Any):
        self._recorder, self._module = weakref.ref(recorder) if recorder else lambda: None, id(module)

    def __call__(self, module: Any, inputs: Any) -> None:
        recorder = self._recorder()
        if recorder is not None and id(module) == self._module:
            recorder._before_forward()

    def __deepcopy__(self, memo: Any) -> "_BeforeForward":
        return _BeforeForward(None, None)

    def __reduce__(self) -> Any:
        return getattr, ({}, "get")  # {}.get(module, inputs) returns inputs: nothing changes


def _watch_updates(optimizer: Any, before: Callable[[Any], Any], after: Callable[[], None]) -> Callable[[], None]:
    """Call before(closure) and after() around every optimizer.step(). The returned function removes these calls.

    before returns the closure to use. PyTorch before 2.0 has no hooks for this; there the
    method step of this one optimizer is replaced.
    """
    if hasattr(optimizer, "register_step_pre_hook"):

        def pre(_: Any, args: Any, kwargs: Any) -> Any:
            rest = args[1:]  # the first one is the optimizer
            changed = _with_closure(before, rest, kwargs)
            return None if changed[0] is rest and changed[1] is kwargs else ((args[0], *changed[0]), changed[1])

        handles = [optimizer.register_step_pre_hook(pre), optimizer.register_step_post_hook(lambda *_: after())]
        return lambda: [h.remove() for h in handles] and None
    original = optimizer.step

    @functools.wraps(getattr(original, "__func__", original))
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = _with_closure(before, args, kwargs)
        result = original(*args, **kwargs)
        after()
        return result

    had = optimizer.__dict__.get("step")
    optimizer.step = ours = types.MethodType(step, optimizer)  # a method, as learning rate schedulers expect

    def remove() -> None:
        if optimizer.__dict__.get("step") is ours:
            del optimizer.step
            if had is not None:
                optimizer.step = had

    return remove


def _with_closure(before: Callable[[Any], Any], args: Any, kwargs: Any) -> Any:
    if args and callable(args[0]):
        return (before(args[0]), *args[1:]), kwargs
    if callable(kwargs.get("closure")):
        return args, {**kwargs, "closure": before(kwargs["closure"])}
    before(None)
    return args, kwargs


class _Checks:
    """Checks that the recording matches the training. It warns of each problem once."""

    LOOKS = 3  # the number of first steps at which the slow checks run

    def __init__(self, model: Any, optimizers: Sequence[Any], warn: Callable[[str, str], None]):
        self._model, self._optimizers, self._warn = model, optimizers, warn
        self._torch = model.module is not None
        self._tensors = model.tensors() if self._torch else []
        self.forwards = 0  # forward passes with gradients
        self.updates = 0
        self.moved = False  # an update came after the last forward pass
        self.version = 0  # of the parameters, at the last forward pass
        self._updates_at_step = 0
        self._looks, self._idle, self._same = 0, {}, {}
        self._previous: np.ndarray | None = None
        self._compared = -1
        self.start: int | None = None  # checksum of theta at the beginning

    def place(self, step: int, theta: np.ndarray) -> None:
        """Check that recorder.step() is called between the forward pass and the update."""
        late = "Call recorder.step() before the update"
        if self._torch:
            late = "Call recorder.step() after backward() and before optimizer.step(), or make the recorder with Recorder(...).attach()"
        if self.forwards and self.moved:
            self._warn("moved", f"recorder.step() comes after optimizer.step(): the recorded theta is no longer that of the loss and the gradient. {late}")
        elif self.forwards and step < self.LOOKS and self.version != self._model.version():
            self._warn("moved", f"the parameters have changed between the forward pass and recorder.step(): theta is no longer that of the loss. {late}")
        if step == 0 and (not self.forwards and self.updates == 1 or not self.updates and zlib.crc32(theta) != self.start):
            since = "the forward pass" if self.forwards else "Recorder()"
            self._warn("moved", f"the parameters have changed between {since} and the first recorder.step(). If an update changed them: {late[0].lower() + late[1:]}. If weights were loaded, all is well")
        self._updates_at_step = self.updates

    def model(self, step: int) -> None:
        """Check that the model has the same parameters as before, and that an optimizer updates them."""
        changes = self._model.changes()
        if changes:
            raise RecorderError(f"the model has changed since Recorder() was called: {changes}. Call Recorder() when the model is complete")
        if not self._torch:
            return
        named = self._model.parameters
        new = [n for (n, p), old in zip(named, self._tensors) if p is not old]
        if new:
            self._warn(f"replaced {new}", f"parameters replaced by new tensors since Recorder() was called: {_listed(new)}. The new ones are recorded from step {step} on")
            self._tensors = [p for _, p in named]
        if self._optimizers:
            owned = {id(p) for o in self._optimizers for g in o.param_groups for p in g["params"]}
            lost = [n for n, p in named if p.requires_grad and id(p) not in owned]
            if lost:
                self._warn(f"lost {lost}", f"parameters that no optimizer of the recorder updates: {_listed(lost)}. They require a gradient; pass every optimizer: Recorder(model, [first, second], ...)")
            foreign = owned - {id(p) for _, p in named}
            if foreign and not lost:
                self._warn("foreign", f"the optimizer also updates {len(foreign)} tensors that are not parameters of the model; they are not recorded")
        if step:
            changed = self._model.changed_buffers()
            if changed:
                self._warn("buffers", f"buffers that change during training and are not recorded: {_listed(changed)}. If the loss depends on them, pass state={changed[:2]}")

    def gradient(self, step: int, grad: np.ndarray) -> None:
        """Check that the parameters have a gradient, and that it differs from earlier steps."""
        if self._looks >= self.LOOKS:
            return
        self._looks += 1
        trained = {t["name"] for t in self._model.layout}
        if self._torch:
            trained, missing = set(self._model.trained()), self._model.without_gradient()
            if missing and len(missing) == len(trained):
                self._warn("zero", f"no parameter has a gradient at step {step}; 0 is recorded. Call recorder.step() after backward(), and before zero_grad()")
            elif missing:
                self._warn("missing", f"parameters without a gradient (grad is None): {_listed(missing)}. Their gradient is recorded as 0; are they part of the loss?")
            trained -= set(missing)
        if not grad.any() and trained:
            self._warn("zero", f"every gradient is 0 at step {step}. Call recorder.step() after backward(), and before zero_grad()")
        at = 0
        for t in self._model.layout:
            part = slice(at, at := at + math.prod(t["shape"]))
            if t["name"] in trained:
                zero = not grad[part].any()
                self._idle[t["name"]] = self._idle.get(t["name"], 0) + zero
                if self._previous is not None and not zero and np.array_equal(grad[part], self._previous[part]):
                    self._same[t["name"]] = self._same.get(t["name"], 1) + 1
        self._previous = grad.copy() if self._looks < self.LOOKS else None
        if self._looks == self.LOOKS:
            self.report_gradients()

    def report_gradients(self) -> None:
        """Warn of tensors whose gradient was always 0, or always the same, at the first steps."""
        if not self._looks or "zero" in self._idle:
            return
        idle = [n for n, times in self._idle.items() if times == self._looks]
        same = [n for n, times in self._same.items() if times == self._looks > 1]
        if idle and len(idle) < len(self._idle):
            self._warn("idle", f"parameters whose gradient was exactly 0 at each of the first {self._looks} steps: {_listed(idle)}. Are they part of the loss?")
        if same:
            self._warn("same", f"parameters whose gradient was exactly the same at each of the first {self._looks} steps: {_listed(same)}. Is recorder.step() called after backward(), and are gradients set to zero before it?")

    def used_gradient(self, step: int, recorded: np.ndarray, used: Callable[[], np.ndarray]) -> None:
        """Check that the update uses the recorded gradient, or this gradient with its norm clipped."""
        if step > self.LOOKS or self._compared == step:
            return
        self._compared = step
        now = used()
        if np.array_equal(now, recorded, equal_nan=True) or not np.isfinite(recorded).all():
            return
        square = float(np.dot(recorded.astype(np.float64), recorded))
        ratio = float(np.dot(recorded.astype(np.float64), now)) / square if square else math.inf
        if not np.allclose(now, ratio * recorded, rtol=1e-3, atol=1e-6 * abs(ratio) * math.sqrt(square)):
            self._warn("changed", "the gradient has changed between recorder.step() and optimizer.step(): call recorder.step() after the last backward(). If gradients are changed on purpose (clipping, noise, SAM), the run has those before the change")
        elif ratio > 1 or ratio < 1 and math.frexp(ratio)[0] == 0.5:
            self._warn("changed", f"the gradient at optimizer.step() is {ratio:.6g} times the recorded one. If a GradScaler scales the loss, pass it: Recorder(..., scaler=scaler)")

    def end(self, step: int, moved: bool, checksum: int, rate: float | None) -> bool:
        """Return whether there was an update after the last step(), as far as the recorder knows."""
        self.model(step)
        self.report_gradients()
        if not step or moved:
            return True
        if self.updates:
            return self.updates != self._updates_at_step
        if checksum == self.start:
            self._warn("still", "theta has not changed at all since Recorder() was called: " + ("does the optimizer have the parameters of this model?" if self._torch else "arrays have to be changed in place, or assigned to the dict"))
        elif rate != 0:
            self._warn("still", "theta has not changed after the last recorder.step(): is it called after the update?")
        return True


class Recorder:
    """Records theta before every update, with the loss and, on request, the gradient.

    Args:
        model: a torch.nn.Module, or a dict of numpy arrays that training changes in place.
        optimizer: a torch optimizer or a list of them. The settings of every parameter
            group go into the header, and the learning rates go into every row. Without an
            optimizer you can pass learning_rate to step().
        out: directory of the run; it must not exist.
        every: record every K-th step, with K = every; the first and the last step are always recorded.
        grad: record the gradients too.
        steps, epochs, batch, seed: the planned settings, for the header. With steps the
            program refuses before the first step if the disk is too small.
        data: fields of the data description, such as {"spec": "...", "train_examples": N}.
        kinds: kinds of parameters by name, where kinds_of or the number of axes is wrong.
        state: names or patterns of further buffers to record in every row, in addition to the
            running statistics of normalization layers.
        scaler: the GradScaler of mixed precision. The recorder divides gradients that are
            still scaled by its scale.
        rank: the rank of this process in a distributed job; only rank 0 records. By
            default it comes from torch.distributed, or else from the environment variable RANK
            or LOCAL_RANK.
        on_error: "raise" raises an error when the recording cannot continue. "warn" warns
            once instead: the recording ends there, and the training continues.
        args: further arguments of `sgdwalk ingest`, such as ["--sketch", "project:256"].
        program: the sgdwalk program.

    Recorder() returns when the program has accepted the run, and raises an error if the
    program refuses it.

    Frozen parameters are part of theta, with gradient 0; tied parameters are there once.
    State is taken before the forward pass of the step. Leaving the with block records the
    last iterate. Leaving it by an exception does not, and the run is marked as unfinished.
    """

    def __init__(
        self, model: Any, optimizer: Any = None, out: str | os.PathLike[str] | None = None, *, every: int = 1, grad: bool = False,
        steps: int = 0, epochs: int = 0, batch: int = 0, seed: int = 0, data: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None, state: Sequence[str] = (), comment: str = "", scaler: Any = None,
        rank: int | None = None, on_error: str = "raise", args: Sequence[str] = (), program: str | None = None,
    ):
        self._program: _Program | None = None
        self._passive = (_rank() if rank is None else rank) > 0
        if self._passive:
            return
        if on_error not in ("raise", "warn"):
            raise ValueError(f'on_error is {on_error!r}; it must be "raise" or "warn"')
        if out is None:
            raise ValueError("out is missing: the directory of the run, which must not exist")
        self._every = _whole("every", every, least=1)
        steps, epochs, batch, seed = (_whole(n, v) for n, v in (("steps", steps), ("epochs", epochs), ("batch", batch), ("seed", seed)))
        self._key = os.path.realpath(out)
        args = self._end_former(out, [args] if isinstance(args, str) else list(args))
        if os.path.lexists(out) and "--force" not in args:
            raise FileExistsError(f"out={os.fspath(out)!r} exists already: name a new directory, or give args=['--force'] to replace a run")
        self._model = _adapter(model, kinds, [state] if isinstance(state, str) else state)
        self._optimizers = _optimizers(optimizer)
        self._grad, self._scaler, self._on_error, self._said = bool(grad), scaler, on_error, set()
        self._steps = 0  # calls of step(), which is the number of the next row
        self._epoch, self._first_epoch = 1, None
        self._rate: float | None = None
        self._attached = False
        self._numbers: dict[str, Any] | None = None  # of the next row, when attached
        self._taken = False  # the next row's theta is in the frame, when attached
        self._stepped: set[int] = set()  # the optimizers that have made the current update
        self._removes: list[Callable[[], None]] = []
        self._make_frame()
        self._checks = _Checks(self._model, self._optimizers, self._warn)
        self._model.theta(self._theta)
        self._checks.start = zlib.crc32(self._theta)
        line = {
            "sgdwalk_stream": 2, "software": "sgdwalk.py 2", "model": self._model.name, "layout": self._model.layout,
            "state_layout": self._model.state_layout, "grad": self._grad, "steps": steps, "epochs": epochs, "batch": batch, "seed": seed,
            "optimizer": _describe(self._optimizers), "data": dict(data or {}), "comment": "; ".join(filter(None, (comment, self._model.comment))),
        }
        if self._groups > 1:
            line["parameter_groups"] = self._describe_groups()
        if self._every > 1 and not any(a.split("=")[0] == "--record" for a in args):
            args = [*args, "--record", f"every:{self._every}"]  # so that the header names the recorded steps
        self._start([*_program(program), "ingest", "--json", "--ready", "--out", os.fspath(out), *args], json.dumps(line).encode() + b"\n")
        self._watch(model)

    def _make_frame(self) -> None:
        """Make one buffer for a frame: head, learning rates of several groups, theta, gradient, state."""
        p, s = (sum(math.prod(t["shape"]) for t in part) for part in (self._model.layout, self._model.state_layout))
        self._groups = sum(len(o.param_groups) for o in self._optimizers)
        rates = 8 * self._groups if self._groups > 1 else 0
        self._frame = np.zeros(_HEAD_BYTES + rates + 4 * (p + (p if self._grad else 0) + s), dtype=np.uint8)
        self._rates = self._frame[_HEAD_BYTES : _HEAD_BYTES + rates].view(np.float64)
        floats = self._frame[_HEAD_BYTES + rates :].view(np.float32)
        self._theta, self._gradient = floats[:p], floats[p : 2 * p] if self._grad else None
        self._state = floats[2 * p if self._grad else p :]
        self._before = np.zeros(s, dtype=np.float32)  # the statistics before the forward pass
        self._has_before = False
        self._model.state(self._before)

    def _describe_groups(self) -> list[dict[str, Any]]:
        """Return the rule, the settings and the tensors of each parameter group."""
        names = {id(p): n for n, p in self._model.parameters}
        return [
            {"optimizer": {"name": _rule(o, g), "hyperparameters": _settings(g)}, "tensors": [names[id(p)] for p in g["params"] if id(p) in names]}
            for o in self._optimizers for g in o.param_groups
        ]

    def _end_former(self, out: Any, args: list[str]) -> list[str]:
        """End the recorder that still has this directory, because a notebook cell runs again.

        A run without any step is replaced, because nothing is lost.
        """
        former = _open.get(self._key)
        if former is None:
            return args
        former._leave(f"a newer recorder has been made for {os.fspath(out)!r}")
        return args if former._steps or "--force" in args else [*args, "--force"]

    def _start(self, command: list[str], line: bytes) -> None:
        """Start the program and wait until it has accepted the run."""
        program = _Program(command)
        try:
            program.write(line)
            accepted = program.ready()
        except BaseException:  # Ctrl-C
            program.end()
            raise
        if not accepted:
            raise RecorderError(program.end()[1] or "the program sgdwalk ingest did not accept the run, and did not say why")
        self._program, self._process, _open[self._key] = program, program.process, self

    def _watch(self, model: Any) -> None:
        """Install hooks for forward passes and updates. The hooks do not keep the recorder alive."""
        me = weakref.ref(self)

        def before(i: int, closure: Any) -> Any:
            recorder = me()
            return closure if recorder is None else recorder._guarded(closure, recorder._before_update, i, closure)

        def after() -> None:
            recorder = me()
            if recorder is not None:
                recorder._checks.updates += 1
                recorder._checks.moved = True

        for i, optimizer in enumerate(self._optimizers):
            self._removes.append(_watch_updates(optimizer, functools.partial(before, i), after))
        if self._model.module is not None and not hasattr(model, "original_name"):  # script modules have no hooks
            self._removes.append(model.register_forward_pre_hook(_BeforeForward(self, model)).remove)

    def attach(self) -> "Recorder":
        """Take theta and gradient in the optimizer's hook, at every optimizer.step().

            recorder = Recorder(model, optimizer, out="run").attach()

        The place of step() in the loop then does not matter: call it once for every
        optimizer.step(), before or after it. For optimizer.step(closure), the loss and the
        gradient come from the first evaluation of the closure; do not call step().
        """
        if not self._passive:
            if not self._optimizers:
                raise ValueError("attach() needs an optimizer: Recorder(model, optimizer, ...)")
            self._attached = True
        return self

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            # The stream has no end, so that the run is marked as unfinished.
            self._leave("the with block was left by an exception")

    def step(
        self, loss: Any, *, epoch: int | None = None, accuracy: float | None = None, learning_rate: float | None = None,
        examples: int = 0, full_loss: float | None = None, test_loss: float | None = None, grads: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one step: after backward(), before the optimizer's update.

        loss is the mean loss of the batch at the current parameters. epoch counts from 0 or
        from 1; the run counts from 1, and notes it when the script counts from 0. accuracy
        is the share of correct examples in the batch, 0 to 1. full_loss and test_loss are
        losses over the whole training and test set, if you have measured them. examples is
        the number of examples in the batch. With gradient accumulation make one call for all
        batches of an update, with their mean loss.
        """
        if self._passive:
            return
        if self._program is None:
            if self._on_error == "raise":
                raise RecorderError(self._ended)
            return
        self._guarded(None, self._step, dict(
            loss=loss, epoch=epoch, accuracy=accuracy, learning_rate=learning_rate, examples=examples, full_loss=full_loss, test_loss=test_loss, grads=grads))

    def _step(self, given: dict[str, Any]) -> None:
        numbers = self._checked(given)
        if not self._attached:
            self._program.wait()
            self._model.theta(self._theta)
            self._checks.place(self._steps, self._theta)
            self._take(numbers["grads"])
            self._send_row(numbers)
            return
        if self._numbers is not None:
            raise RecorderError("step() was called twice for one optimizer.step(): with attach(), call it once for every update")
        self._numbers = numbers
        if self._taken:
            self._send_taken()

    def _checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the numbers of a row; raise an error if a type or a value is not allowed."""
        if given["loss"] is None:
            raise ValueError("loss is None; it must be one number, the mean loss of the batch")
        numbers = dict(given, loss=_number_in("loss", given["loss"]), examples=_whole("examples", given["examples"]))
        for name, least, most in (("accuracy", 0, 1), ("learning_rate", 0, math.inf), ("full_loss", None, None), ("test_loss", None, None)):
            numbers[name] = _number_in(name, given[name], least, most)
        if given["epoch"] is not None:
            epoch = _whole("epoch", given["epoch"])
            if self._first_epoch is None:
                self._first_epoch = min(epoch, 1)
                if epoch == 0:
                    self._note("the training script counts epochs from 0; the run counts them from 1")
            if epoch < self._first_epoch:
                raise ValueError("epoch is 0, and the first one was not; count epochs from 0 or from 1 throughout")
            numbers["epoch"] = epoch + 1 - self._first_epoch
        return numbers

    def _take(self, grads: Any) -> None:
        """Put theta, gradient and state into the frame."""
        self._program.wait()  # until the frame is free
        k = self._steps
        if k < 3 or k & (k - 1) == 0 or not self._model.is_same_tree():  # the check is slow
            self._checks.model(k)
        if k % self._every == 0:
            self._model.theta(self._theta)
            if self._grad:
                self._take_gradient(self._gradient, grads)
                self._checks.gradient(k, self._gradient)
            self._state[:] = self._before
        rates = [float(g["lr"]) for o in self._optimizers for g in o.param_groups]
        if len(rates) != self._groups:
            self._warn("groups", f"the optimizer has {len(rates)} parameter groups, and had {self._groups} when Recorder() was called; the header does not have the new ones")
        self._rate = rates[0] if rates else None
        if len(rates) >= self._rates.size:
            self._rates[:] = rates[: self._rates.size]

    def _take_gradient(self, into: np.ndarray, grads: Any = None) -> None:
        self._model.grad(into, grads)
        if self._scaler is None or not self._scaler.is_enabled():
            return
        done = _unscaled(self._scaler, self._optimizers)
        scale, at = np.float32(self._scaler.get_scale()), 0
        for t, p in zip(self._model.layout, self._model.tensors()):
            part = slice(at, at := at + math.prod(t["shape"]))
            if id(p) not in done:
                into[part] /= scale

    def _send_row(self, numbers: dict[str, Any]) -> None:
        k, self._steps = self._steps, self._steps + 1
        self._epoch = self._epoch if numbers["epoch"] is None else numbers["epoch"]
        if k % self._every == 0:
            flags = _THETA | (_GRAD if self._grad else 0) | (_STATE if self._before.size else 0) | (_RATES if self._rates.size else 0)
            rate = self._rate if numbers["learning_rate"] is None else numbers["learning_rate"]
            self._send(k, flags, (numbers["loss"], numbers["accuracy"], rate, numbers["full_loss"], numbers["test_loss"]), numbers["examples"])
        self._has_before = False
        if not self._checks.forwards:  # there is no hook for forward passes
            self._model.state(self._before)

    # Calls around the forward pass and the update.

    def _before_forward(self) -> None:
        import torch

        if self._program is None or not torch.is_grad_enabled():  # without gradients it is an evaluation
            return
        checks, version = self._checks, self._model.version()
        if not checks.forwards and not self._steps and not self._taken:
            self._program.wait()
            self._model.theta(self._theta)
            checks.start = zlib.crc32(self._theta)
        if self._before.size and (not self._has_before or checks.moved or version != checks.version):
            self._guarded(None, self._model.state, self._before)
            self._has_before = True
        checks.forwards, checks.moved, checks.version = checks.forwards + 1, False, version

    def _before_update(self, i: int, closure: Any) -> Any:
        """Prepare for the update of optimizer i. Return the closure that it must use."""
        if self._program is None:
            return closure
        if not self._attached:
            if closure is None and self._grad and self._steps and (self._steps - 1) % self._every == 0:
                self._checks.used_gradient(self._steps, self._gradient, self._gradient_now)
            return closure
        if self._stepped and i not in self._stepped:  # another optimizer is part of the same update
            self._stepped.add(i)
            return closure
        self._stepped = {i}
        if closure is not None:
            return self._recorded(closure)
        self._take_row(None)
        return None

    def _gradient_now(self) -> np.ndarray:
        now = np.empty_like(self._gradient)
        self._take_gradient(now)
        return now

    def _recorded(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Wrap the closure. Its first evaluation makes the row, because theta has not moved yet."""
        first = True

        @functools.wraps(closure)
        def evaluate() -> Any:
            nonlocal first
            loss = closure()
            if first:
                first = False
                self._guarded(None, self._take_row, loss)
            return loss

        return evaluate

    def _take_row(self, loss: Any) -> None:
        """Take the row before the update. loss is the result of the closure, if there is one."""
        if self._taken:
            raise RecorderError(f"update {self._steps} has no loss: with attach(), call recorder.step(loss) once for every optimizer.step()")
        if self._numbers is None and loss is not None:
            self._numbers = self._checked(dict.fromkeys(("epoch", "accuracy", "learning_rate", "full_loss", "test_loss", "grads"), None) | {"loss": loss, "examples": 0})
        self._take(self._numbers["grads"] if self._numbers else None)
        self._taken = True
        if self._numbers is not None:
            self._send_taken()

    def _send_taken(self) -> None:
        numbers, self._numbers, self._taken = self._numbers, None, False
        self._send_row(numbers)

    # The end of the recording, and errors.

    def close(self, full_loss: float | None = None, test_loss: float | None = None) -> None:
        """Record the last iterate, end the stream and wait for the program."""
        if self._program is not None:
            self._guarded(None, self._close, _number_in("full_loss", full_loss), _number_in("test_loss", test_loss))

    def _close(self, full_loss: float | None, test_loss: float | None) -> None:
        if self._taken:
            self._warn("loss", f"update {self._steps} has no loss, because recorder.step() was not called for it; the run ends before it")
            self._leave("the recorder is closed")
            return
        self._program.wait()
        last = self._theta.copy() if self._steps and (self._steps - 1) % self._every == 0 else None
        self._model.theta(self._theta)
        moved = last is None or not np.array_equal(last, self._theta, equal_nan=True)
        if self._checks.end(self._steps, moved, zlib.crc32(self._theta), self._rate):
            flags, at = _THETA | (_RATES if self._rates.size else 0), _HEAD_BYTES + self._rates.nbytes + self._theta.nbytes
            if self._before.size:  # directly after theta, because the last row has no gradient
                flags |= _STATE
                self._model.state(self._before)
                self._frame[at : at + self._before.nbytes] = self._before.view(np.uint8)
            self._send(self._steps, flags, (None, None, None, full_loss, test_loss), 0)
        self._write(_head(b"SGDE", 0, self._program.frames))
        status, words, result = self._end("the recorder is closed")
        if status:
            raise RecorderError(words)
        recording = result.get("recording", {})
        if recording.get("dropped"):
            self._warn("dropped", f"{recording['dropped']} of {result['frames']} rows were not recorded: {recording.get('error') or 'they could not be written'}")

    def _send(self, step: int, flags: int, numbers: Sequence[float | None], examples: int) -> None:
        size = self._rates.nbytes + self._theta.nbytes + (self._theta.nbytes if flags & _GRAD else 0) + (self._before.nbytes if flags & _STATE else 0)
        flags |= sum(flag for flag, v in zip(_NUMBERS, numbers) if v is not None)
        head = _head(b"SGDF", flags, step, [0.0 if v is None else v for v in numbers], size, self._epoch, examples)
        self._frame[:_HEAD_BYTES] = np.frombuffer(head, dtype=np.uint8)
        self._write(self._frame[: _HEAD_BYTES + size].data, frame=True)

    def _write(self, data: Any, frame: bool = False) -> None:
        self._program.write(data, frame)
        if self._program.error is not None:
            error = self._program.error
            _, words, _ = self._end("the recording has ended")
            raise RecorderError(words or str(error))

    def _end(self, why: str) -> tuple[int, str, dict[str, Any]]:
        """Close the pipe, remove the hooks, and wait for the program."""
        program, self._program, self._ended = self._program, None, why
        if _open.get(self._key) is self:
            del _open[self._key]
        for remove in self._removes:
            remove()
        self._removes.clear()
        return program.end()

    def _leave(self, why: str) -> None:
        """End the recording without an end of the stream, so that the run is marked as unfinished. Raise nothing."""
        if self._program is not None:
            status, words, _ = self._end(why)
            if status and "breaks off" not in words:
                self._warn("ended", words)

    def _guarded(self, instead: Any, call: Callable[..., Any], *args: Any) -> Any:
        """Make the call. With on_error="warn" an error ends the recording with a warning, and instead is returned."""
        if self._on_error == "raise":
            return call(*args)
        try:
            return call(*args)
        except Exception as e:
            self._leave("the recording has ended")
            self._warn("ended", f"the recording ends before step {self._steps}, and training continues: {e}")
            return instead

    def _warn(self, about: str, text: str) -> None:
        """Warn once, and keep the warning with the run."""
        if about not in self._said:
            self._said.add(about)
            self._note(text)
            warnings.warn(text, RecorderWarning, stacklevel=5)

    def _note(self, text: str) -> None:
        """Send a note, which is kept with the run."""
        if self._program is not None:
            body = text.encode()
            self._program.write(_head(b"SGDN", 0, 0, size=len(body)) + body)


def serve(
    loss_fn: Callable[[Any], Any], model: Any, *, training: bool = False, state: bool = True,
    hvp: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> None:
    """Evaluate the loss for sgdwalk. sgdwalk starts the script that calls serve().

        sgdwalk walk --objective "python3 objective.py" run

    Args:
        loss_fn: the function of the model that returns the mean loss over the whole
            training set, or a dict with "loss" and any of "accuracy" (0 to 1), "test_loss"
            and "test_accuracy". serve() sets the parameters of the model before each call.
            The same parameters must give the same loss: no shuffling, no augmentation, no
            dropout. For a torch module, loss_fn is called without gradients, or with
            gradients when an analysis needs them (curvature). Then serve() calls backward()
            on the loss, unless loss_fn has called backward() itself, batch by batch.
        model: the torch.nn.Module that was recorded, with any weights, or the dict of
            arrays. The arrays are changed in place, and their loss_fn also returns "grads",
            {name: array}, if gradients are available. A frozen parameter has the gradient
            None.
        training: True keeps the mode of a torch module; otherwise serve() calls eval().
        state: False keeps the module's own statistics of normalization layers. Otherwise
            serve() uses the statistics that the run recorded: those of the iterate in walk
            and curvature, those of the last iterate in other analyses.
        hvp: the function that multiplies the Hessian of the loss by a vector. hvp(model, v)
            receives v as {name: tensor or array} and returns the product in the same form.
            A torch module does not need it, because serve() differentiates the gradient
            once more. Without products sgdwalk uses differences of gradients, and says so.

    From this call on, text that the script prints goes to standard error, because standard
    output is for the answers. serve() returns when sgdwalk sends no more requests.
    """
    adapter = _adapter(model)
    if not training and not isinstance(model, Mapping):
        model.eval()
    questions, hello = _first_question()
    # No other code may read the requests or write between the answers.
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
    answers.write(b"\n")  # ends a line that the script may have printed without a line break
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
        except (Exception, SystemExit) as e:  # sgdwalk shows the error and the printed traceback
            traceback.print_exc()
            sys.stderr.flush()
            reason = f"loss_fn ended the program: sys.exit({e})" if isinstance(e, SystemExit) else f"{type(e).__name__}: {e}"
            answer({"id": question["id"], "error": reason})


def _first_question() -> tuple[Any, dict[str, Any]]:
    """Read the first line from sgdwalk. If a user runs the script by hand, exit and explain its purpose."""
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
    """Raised when the Hessian of a loss cannot be multiplied by vectors."""


def _multiply(adapter: Any, loss_fn: Any, hvp: Any, model: Any, vectors: np.ndarray, products: np.ndarray) -> str:
    """Multiply the Hessian by vectors. Return the reason why this is not possible, or ""."""
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
    """Replace attributes of a module while the context is active."""
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
    """Turn off the functions that PyTorch cannot differentiate twice: checkpoints that
    compute a piece again, and fused attention."""
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
    """Return the loss from the result of loss_fn; raise ValueError if it has no gradient."""
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
    """Return a number for JSON, with texts for NaN and infinity, which JSON does not have."""
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


def _rank() -> int:
    """Return the rank of this process in a distributed job, or 0 without such a job."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank()
    for name in ("RANK", "LOCAL_RANK"):
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return 0


def _scalar(name: str, value: Any) -> Any:
    """Return the Python number of a number, a numpy scalar, or an array or tensor of one element."""
    shape = getattr(value, "shape", None)
    if shape is not None and math.prod(shape) != 1:
        raise ValueError(f"{name} has {math.prod(shape)} elements (shape {tuple(shape)}); it must be one number, such as {name}.mean()")
    value = value.item() if hasattr(value, "item") else value
    try:
        if not isinstance(value, (str, bytes, complex)):
            return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; it must be one real number")


def _number_in(name: str, value: Any, least: float | None = None, most: float | None = None) -> float | None:
    """Return a number of a row; None stays None. With bounds the number must be finite."""
    if value is None:
        return None
    v = float(_scalar(name, value))
    if least is not None and not (least <= v <= most and math.isfinite(v)):
        allowed = f"from {least} to {most}" if math.isfinite(most) else f"finite and at least {least}"
        raise ValueError(f"{name} is {v:g}; it must be {allowed}")
    return v


def _whole(name: str, value: Any, least: int = 0) -> int:
    """Return a whole number from least up; raise ValueError for any other value."""
    most = 2**63 - 1 if name in ("steps", "seed") else 2**31 - 2
    v = None if value is None else _scalar(name, value)
    if v is None or v != v or not least <= v <= most or v != int(v):
        raise ValueError(f"{name} is {value if v is None else v}; it must be a whole number from {least} to {most}")
    return int(v)


def _optimizers(optimizer: Any) -> list[Any]:
    """Return the list of optimizers, given None, one optimizer or several."""
    if optimizer is None:
        return []
    several = list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    for o in several:
        if not (hasattr(o, "param_groups") and callable(getattr(o, "step", None))):
            raise TypeError(f"optimizer is a {type(o).__name__}; it must be a torch optimizer, or a list of them")
    return several


def _unscaled(scaler: Any, optimizers: Sequence[Any]) -> set[int]:
    """Return the ids of the parameters whose gradients the scaler has unscaled for the next update."""
    done = set()
    for o in optimizers:
        stage = scaler._per_optimizer_states[id(o)]["stage"]
        if stage.name != "READY":
            done |= {id(p) for g in o.param_groups for p in g["params"]}
    return done


def _describe(optimizers: Sequence[Any]) -> dict[str, Any]:
    """Describe the optimizers for the header: the name, and every numeric setting.

    Settings of further parameter groups that differ from the first group have the number
    of their group as a suffix, as in learning_rate_group_1.
    """
    numbers: dict[str, float] = {}
    names = list(dict.fromkeys(_rule(o, g) for o in optimizers for g in o.param_groups))
    for i, group in enumerate(g for o in optimizers for g in o.param_groups):
        for key, value in _settings(group).items():
            if i == 0:
                numbers[key] = value
            elif value != numbers.get(key):
                numbers[f"{key}_group_{i}"] = value
    return {"name": "+".join(names), "hyperparameters": numbers}


def _rule(optimizer: Any, group: Mapping[str, Any]) -> str:
    """Return the name of the update rule of a parameter group."""
    name = type(optimizer).__name__.lower()
    if name == "sgd":
        name = "nesterov" if group.get("nesterov") else "momentum" if group.get("momentum") else "sgd"
    if group.get("amsgrad"):
        name = "amsgrad" if name == "adam" else f"{name}_amsgrad"  # another rule
    return name


def _settings(group: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of a parameter group. initial_lr belongs to a scheduler, and
    a dampening of 0 is the same as no dampening, so both are left out."""
    numbers: dict[str, float] = {}
    for key, value in group.items():
        if key == "betas":
            numbers["beta1"], numbers["beta2"] = map(float, value)
        elif key == "lr":  # which may be a tensor
            numbers["learning_rate"] = float(value)
        elif isinstance(value, (int, float)) and (not isinstance(value, bool) or key == "centered") and np.isfinite(value):
            numbers["epsilon" if key == "eps" else key] = float(value)
    numbers.pop("initial_lr", None)
    if numbers.get("dampening") == 0:
        del numbers["dampening"]
    return numbers

"""Read and write the parameters of a torch module."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from .arrays import LARGE, Entry, Vector, overlap
from .errors import InputError, RecorderError
from .kinds import kinds_of
from .layers import dense_gradient, joined, named_layers, real, unwrapped
from .torch_buffers import TorchBuffers
from .words import listed


class TorchModel:
    """Reads and writes theta, gradient and state of a torch module.

    It finds a tensor by its place: the layer and the attribute. So it uses the new tensor
    when a tensor is replaced by another one of the same shape.
    """

    def __init__(self, module: Any, state: Sequence[str] = ()):
        import torch

        self._torch, self.module = torch, unwrapped(module)
        self._kept_views: dict[Any, list[Any]] = {}
        self._arrays: dict[str, tuple[list[int], list[Vector]]] = {}
        self._own: list[tuple[Any, Any]] = []  # the parameters that share() has moved, and their own memory
        self.name: str = getattr(self.module, "original_name", type(self.module).__name__)
        self._places, self._shape = self._find(), self._tree()
        for name, p in zip(self._places, self.tensors()):
            _refuse(name, p)
        kinds = kinds_of(self.module)
        self.layout: list[Entry] = [
            {"name": n, "kind": kinds[n], "shape": list(real(p).shape)} for n, p in self.parameters
        ]
        self._buffers = TorchBuffers(self.module, state)
        self.state_layout = self._buffers.layout()
        self.comment = self._comment()

    def _find(self) -> dict[str, tuple[Any, str]]:
        """Return the place of every parameter. A shared parameter has one place."""
        places, seen = {}, set()
        for prefix, layer in named_layers(self.module):
            for key, p in layer.named_parameters(recurse=False):
                if id(p) not in seen:
                    seen.add(id(p))
                    places[joined(prefix, key)] = layer, key
        return places

    def _tree(self) -> list[tuple[Any, tuple[Any, ...], int]]:
        """Return the layers, and of each its own layers and its number of parameters."""
        if hasattr(self.module, "original_name"):
            return []  # a script module does not change
        return [(m, tuple(m._modules.values()), len(m._parameters)) for m in self.module.modules()]

    def _comment(self) -> str:
        """Return what the header says about types, complex parameters and buffers that are not recorded."""
        types = {str(t.dtype) for t in [*self.tensors(), *self._buffers.tensors()]} - {"torch.float32"}
        pairs = [n for n, p in self.parameters if p.is_complex()]
        others = self._buffers.others()
        notes = []
        if types:
            notes.append(f"recorded as float32; in the model some are {', '.join(sorted(types))}")
        if pairs:
            notes.append(f"complex, recorded as pairs of real and imaginary part: {listed(pairs)}")
        if others:
            notes.append(f"buffers that are not recorded: {listed(others)}")
        return "; ".join(notes)

    # The tensors.

    def tensors(self) -> list[Any]:
        """Return the current tensors of the parameters, in the order of the layout."""
        try:
            return [layer._parameters[key] for layer, key in self._places.values()]  # faster than getattr
        except (AttributeError, KeyError):
            raise RecorderError(self.changes() or "a parameter is no longer there") from None

    @property
    def parameters(self) -> list[tuple[str, Any]]:
        """The names and the current tensors of the parameters."""
        return list(zip(self._places, self.tensors()))

    def trained(self) -> list[str]:
        """Return the names of the parameters that require a gradient."""
        return [n for n, p in self.parameters if p.requires_grad]

    def without_gradient(self) -> list[str]:
        """Return the names of the parameters that require a gradient and have none."""
        return [n for n, p in self.parameters if p.requires_grad and p.grad is None]

    # Changes of the module.

    def version(self) -> int:
        """Return a number that changes when a parameter is changed in place."""
        return sum(p._version for p in self.tensors())

    def is_same_tree(self) -> bool:
        """Return False when a layer was replaced, or a layer or a parameter was added or removed."""
        for layer, layers, parameters in self._shape:  # quickly, because it is called at every step
            if len(layer._parameters) != parameters or tuple(layer._modules.values()) != layers:
                return False
        return True

    def changes(self) -> str:
        """Describe in words what has changed since the layout was made; empty if nothing has.

        A new tensor with the name and the shape of an old one is not a change: it is used
        from now on.
        """
        now = self._find()
        was = {t["name"]: t["shape"] for t in self.layout}
        gone, new = [n for n in was if n not in now], [n for n in now if n not in was]
        parts = [f"{listed(gone)} removed, or tied to another one"] if gone else []
        parts += [f"{listed(new)} added, or no longer tied"] if new else []
        for n, (layer, key) in now.items():
            shape = list(real(getattr(layer, key)).shape)
            if n in was and shape != was[n]:
                parts.append(f"{n!r} had the shape {was[n]} and has {shape}")
        if parts:
            return "; ".join(parts)
        if not self.is_same_tree():
            self._places, self._shape = now, self._tree()
            self._buffers.find_again()
            if self._buffers.names() != [t["name"] for t in self.state_layout]:
                return f"its statistics are now {listed(self._buffers.names())}"
        return ""

    def changed_buffers(self) -> list[str]:
        """Return the names of the buffers outside state that have changed."""
        return self._buffers.changed()

    # Copies from and to vectors.

    def theta(self, into: Vector) -> None:
        """Copy the parameters into a vector."""
        self._copy("theta", self.layout, into, self.tensors())

    def grad(self, into: Vector, grads: Any = None) -> None:
        """Copy the gradients into a vector. grads must be None, because the tensors have the gradients."""
        if grads is not None:
            raise InputError(
                "grads is for models that are not a torch module; "
                "gradients of a torch module are read from its parameters"
            )
        self._gather(into, [dense_gradient(p) for p in self.tensors()])

    def state(self, into: Vector) -> None:
        """Copy the statistics into a vector."""
        self._copy("state", self.state_layout, into, self._buffers.tensors())

    def put(self, theta: Vector, state: Vector | None) -> None:
        """Set the parameters, and the statistics if state is given."""
        parts = [(theta, [real(p.detach()) for p in self.tensors()])]
        if state is not None:
            parts.append((state, self._buffers.tensors()))
        with self._torch.no_grad():
            for vector, tensors in parts:
                for t, view in zip(tensors, self._views(vector, tensors)):
                    if not self._own or t.data_ptr() != view.data_ptr():
                        t.copy_(view)

    def share(self, theta: Vector) -> bool:
        """Move the large parameters to the memory of theta, so that put() need not copy them.

        Only parameters on the CPU move that are contiguous float32. Returns False if none does. The memory that they
        had becomes NaN, so that a loss that still uses it, through an older view, is NaN too.
        """
        tensors = self.tensors()
        large = [
            (p, view)
            for p, view in zip(tensors, self._views(theta, [real(p.detach()) for p in tensors]))
            if p.numel() >= LARGE and p.device.type == "cpu" and p.dtype == view.dtype and p.is_contiguous()
        ]
        if overlap([(p.data_ptr(), 4 * p.numel()) for p, _ in large]):
            return False
        self._own = [(p, p.data) for p, _ in large]
        for p, view in large:
            p.data.fill_(float("nan"))
            p.data = view
        return bool(large)

    def unshare(self) -> None:
        """Move the parameters back to their own memory. Their values are lost; put() sets them."""
        for p, data in self._own:
            p.data = data
        self._own = []

    def take_state(self, names: Sequence[str]) -> None:
        """Use as state the buffers that a run recorded as its state."""
        if names and self._buffers.take(names):  # otherwise sgdwalk reports the difference
            self.state_layout = self._buffers.layout()

    def release(self) -> None:
        """Drop the views of vectors and tensors that are kept to save time."""
        self._kept_views.clear()
        self._arrays.clear()

    def _gather(self, into: Vector, tensors: Sequence[Any]) -> None:
        with self._torch.no_grad():
            for view, t in zip(self._views(into, tensors), tensors):
                view.copy_(t)

    def _views(self, into: Vector, tensors: Sequence[Any]) -> list[Any]:
        """Return views of a vector, one per tensor. To make them takes longer than the copy, so they are kept."""
        key = into.__array_interface__["data"][0], into.size
        if key not in self._kept_views:
            flat, at, views = self._torch.from_numpy(into), 0, []
            for t in tensors:
                views.append(flat[at : at + t.numel()].view(t.shape))
                at += t.numel()
            self._kept_views[key] = views
        return self._kept_views[key]

    def _copy(self, what: str, layout: Sequence[Entry], into: Vector, tensors: Sequence[Any]) -> None:
        """Do what _gather does, for tensors whose memory stays in place: in one call if they are plain float32."""
        places = [t.data_ptr() for t in tensors]
        if what not in self._arrays or self._arrays[what][0] != places:
            tensors = [real(t.detach()) for t in tensors]
            for entry, t in zip(layout, tensors):
                if list(t.shape) != entry["shape"]:
                    raise RecorderError(
                        f"{entry['name']!r} had the shape {entry['shape']} when Recorder() was called, "
                        f"and has {list(t.shape)}"
                    )
            plain = all(
                t.device.type == "cpu" and t.dtype == self._torch.float32 and t.is_contiguous() for t in tensors
            )
            # The arrays share the tensors' memory, so no other tensor can reuse this memory.
            self._arrays[what] = places, [t.numpy().reshape(-1) for t in tensors] if plain else []
        if self._arrays[what][1]:
            np.concatenate(self._arrays[what][1], out=into)
        else:
            self._gather(into, [real(t.detach()) for t in tensors])


def _refuse(name: str, p: Any) -> None:
    """Raise InputError for a parameter that cannot be recorded."""
    import torch

    if torch.nn.parameter.is_lazy(p):
        why = "has no shape yet; call the model once before Recorder()"
    elif p.device.type == "meta":
        why = "is on the device meta, where it has no values"
    elif hasattr(p, "full_tensor") or type(p).__name__ == "FlatParameter":
        why = "is divided among the processes of a distributed job (FSDP, DTensor); record before it is divided"
    elif p.layout != torch.strided:
        why = f"is sparse ({p.layout}); only dense parameters can be recorded"
    elif not (p.is_floating_point() or p.is_complex()):
        why = f"is of type {p.dtype}; only floating-point and complex parameters can be recorded"
    else:
        return
    raise InputError(f"parameter {name!r} {why}")

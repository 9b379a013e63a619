"""The buffers of a torch module: which of them are state, and which are only watched."""

from __future__ import annotations

import fnmatch
from typing import Any, Sequence

from .arrays import Entry
from .errors import InputError
from .layers import joined, named_layers


class TorchBuffers:
    """Divides the buffers of a module into statistics and others.

    Statistics are recorded as state: running statistics of normalization layers, and the
    buffers whose names match one of the patterns in wanted. The others are floating-point or
    complex buffers that are not recorded; changed() names those that training changes.
    Integers, such as the counter num_batches_tracked, are left out.
    """

    def __init__(self, module: Any, wanted: Sequence[str]):
        self._module, self._wanted = module, wanted
        self._statistics: dict[str, tuple[Any, str]] = {}  # layer and attribute, by name
        self._others: dict[str, tuple[Any, str, Any, int]] = {}  # and the tensor and its version
        self._find()

    def _find(self) -> None:
        self._statistics, self._others = {}, {}
        named = set()
        for prefix, layer in named_layers(self._module):
            for key, b in layer.named_buffers(recurse=False):
                name = joined(prefix, key)
                wanted = {pattern for pattern in self._wanted if fnmatch.fnmatchcase(name, pattern)}
                usable = b.is_floating_point() and b.numel()
                if wanted and not usable:
                    raise InputError(
                        f"state names the buffer {name!r}, a {b.dtype} of {b.numel()} elements; "
                        "state is made of floating-point buffers that are not empty"
                    )
                named |= wanted
                if wanted or usable and _is_statistic(layer, key):
                    self._statistics[name] = layer, key
                elif b.is_floating_point() or b.is_complex():
                    self._others[name] = layer, key, b, b._version
        unknown = [pattern for pattern in self._wanted if pattern not in named]
        if unknown:
            raise InputError(f"state names {unknown}; the model has the buffers {[*self._statistics, *self._others]}")

    def find_again(self) -> None:
        """Find the buffers of a module whose layers have changed. Known buffers keep their first version."""
        before = self._others
        self._find()
        self._others = {n: before.get(n, place) for n, place in self._others.items()}

    def names(self) -> list[str]:
        """Return the names of the statistics, in the order of the state."""
        return [*self._statistics]

    def others(self) -> list[str]:
        """Return the names of the buffers that are not recorded."""
        return [*self._others]

    def tensors(self) -> list[Any]:
        """Return the current tensors of the statistics."""
        return [getattr(layer, key) for layer, key in self._statistics.values()]

    def layout(self) -> list[Entry]:
        """Return the layout of the state."""
        return [
            {"name": n, "kind": _state_kind(n), "shape": list(b.shape)} for n, b in zip(self.names(), self.tensors())
        ]

    def take(self, names: Sequence[str]) -> bool:
        """Make exactly these buffers the statistics. Return False if the module does not have all of them."""
        places = {**self._statistics, **{n: place[:2] for n, place in self._others.items()}}
        if not all(n in places for n in names):
            return False
        self._statistics = {n: places[n] for n in names}
        return True

    def changed(self) -> list[str]:
        """Return the names of the others that have changed since they were found."""
        return [
            n
            for n, (layer, key, b, version) in self._others.items()
            if getattr(layer, key, None) is not b or b._version != version
        ]


def _state_kind(name: str) -> str:
    kinds = {"running_mean": "running_mean", "running_var": "running_variance"}
    return kinds.get(name.rsplit(".", 1)[-1], "other")


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

"""Read and write the parameters of a model that is a dict of arrays."""

from __future__ import annotations

import math
from typing import Any, Mapping, MutableMapping, Sequence

import numpy as np

from .arrays import LARGE, Array, Entry, Vector, overlap
from .errors import InputError
from .words import listed


class ArrayModel:
    """Reads and writes a model that is a dict of arrays, which the caller changes in place.

    It borrows the dict, and reads every array again at each step. It has no state.
    """

    name, comment = "", ""

    def __init__(self, arrays: Mapping[str, Array], kinds: Mapping[str, str]):
        self.arrays = arrays
        self._own: dict[str, Array] = {}  # the arrays that views of theta have replaced; see share()
        self.layout: list[Entry] = []
        self.state_layout: list[Entry] = []
        for n, a in arrays.items():
            if not isinstance(a, np.ndarray) or not np.issubdtype(a.dtype, np.floating):
                what = f"an array of {a.dtype}" if isinstance(a, np.ndarray) else f"a {type(a).__name__}"
                raise InputError(f"parameter {n!r} is {what}; it must be a numpy array of floating-point numbers")
            kind = kinds.get(n) or ("weight" if a.ndim >= 2 else "bias")
            self.layout.append({"name": n, "kind": kind, "shape": list(a.shape)})

    def theta(self, into: Vector) -> None:
        """Copy the parameters into a vector."""
        self._gather(into, self.arrays, "the model")

    def grad(self, into: Vector, grads: Any) -> None:
        """Copy the gradients into a vector. grads is {name: array}."""
        if grads is None:
            raise InputError("grad=True, so step() needs grads={name: array}")
        self._gather(into, grads, "grads")

    def state(self, into: Vector) -> None:
        """Do nothing, because a dict of arrays has no state."""

    def is_same_tree(self) -> bool:
        """Return True, because changes() is quick."""
        return True

    def changes(self) -> str:
        """Describe in words which arrays were added; empty if none were."""
        new = [n for n in self.arrays if n not in {t["name"] for t in self.layout}]
        return f"{listed(new)} added" if new else ""

    def put(self, theta: Vector, state: Vector | None) -> None:
        """Set the parameters, in place."""
        at = 0
        for a in self.arrays.values():
            part = theta[at : at + a.size].reshape(a.shape)
            if not self._own or _address(a) != _address(part):
                a[...] = part
            at += a.size

    def share(self, theta: Vector) -> bool:
        """Put arrays into the dict that are views of theta, so that put() need not copy them.

        Only large float32 arrays are replaced. Returns False if none is. The arrays that were there become NaN, so that
        a loss that still uses one of them is NaN too.
        """
        large = {
            n: a for n, a in self.arrays.items() if a.size >= LARGE and a.dtype == np.float32 and a.flags.c_contiguous
        }
        if not isinstance(self.arrays, MutableMapping) or overlap([(_address(a), a.nbytes) for a in large.values()]):
            return False
        at = 0
        for n, a in list(self.arrays.items()):
            if n in large:
                a[...] = np.nan
                self.arrays[n] = theta[at : at + a.size].reshape(a.shape)
            at += a.size
        self._own = large
        return bool(large)

    def unshare(self) -> None:
        """Put the arrays back that were in the dict. Their values are lost; put() sets them."""
        if isinstance(self.arrays, MutableMapping):
            self.arrays.update(self._own)
        self._own = {}

    def take_state(self, names: Sequence[str]) -> None:
        """Do nothing, because a dict of arrays has no state."""

    def release(self) -> None:
        """Do nothing, because no views are kept."""

    def _gather(self, into: Vector, arrays: Mapping[str, Any], what: str) -> None:
        at = 0
        for t in self.layout:
            if t["name"] not in arrays:
                raise InputError(f"{what} has no {t['name']!r}; it has {', '.join(map(repr, arrays))}")
            a = np.asarray(arrays[t["name"]], dtype=np.float32)
            n = math.prod(t["shape"])
            if list(a.shape) != t["shape"]:
                raise InputError(f"{what}: {t['name']!r} has the shape {list(a.shape)}; the model had {t['shape']}")
            into[at : at + n] = a.ravel()
            at += n


def _address(a: Array) -> int:
    """Return the address of the first element."""
    address: int = a.__array_interface__["data"][0]
    return address

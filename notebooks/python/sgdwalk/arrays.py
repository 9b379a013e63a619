"""The types of arrays and layouts that the other modules share."""

from __future__ import annotations

import math
import zlib
from typing import Any, Sequence, TypedDict

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Vector = NDArray[np.float32]  # one axis

LARGE = 1 << 16  # elements from which a tensor may use the memory of theta


class _Tensor(TypedDict):
    name: str
    kind: str  # weight, filter, bias, norm_scale, ...; see kinds_of
    shape: list[int]


class Entry(_Tensor, total=False):
    """One tensor of a layout. Its elements follow those of the entry before it."""

    axes: list[str | None]  # names of the units of each axis; see layout_of


def size_of(layout: Sequence[Entry]) -> int:
    """Return the number of elements of all tensors."""
    return sum(math.prod(t["shape"]) for t in layout)


def shapes_of(layout: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the names and the shapes of a layout, without the kinds."""
    return [{"name": t["name"], "shape": t["shape"]} for t in layout]


def overlap(ranges: Sequence[tuple[int, int]]) -> bool:
    """Return whether any two ranges of memory, each an address and a number of bytes, have a byte in common."""
    ends = sorted((at, at + n) for at, n in ranges)
    return any(end > start for (_, end), (start, _) in zip(ends, ends[1:]))


def checksum_of(vector: Vector) -> int:
    """Return a checksum of the bytes of a contiguous vector, to notice changes."""
    return zlib.crc32(vector.data)


def named_tensors(vector: Vector, layout: Sequence[Entry]) -> dict[str, Array]:
    """Return the tensors of a vector by name, as copies with their shapes."""
    at, out = 0, {}
    for t in layout:
        n = math.prod(t["shape"])
        out[t["name"]] = np.array(vector[at : at + n]).reshape(t["shape"])
        at += n
    return out

"""The types of arrays and layouts that the other modules share."""

from __future__ import annotations

import math
import zlib
from typing import Any, Sequence, TypedDict

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Vector = NDArray[np.float32]  # one axis


class Entry(TypedDict):
    """One tensor of a layout. Its elements follow those of the entry before it."""

    name: str
    kind: str  # weight, filter, bias, norm_scale, ...; see kinds_of
    shape: list[int]


def size_of(layout: Sequence[Entry]) -> int:
    """Return the number of elements of all tensors."""
    return sum(math.prod(t["shape"]) for t in layout)


def shapes_of(layout: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the names and the shapes of a layout, without the kinds."""
    return [{"name": t["name"], "shape": t["shape"]} for t in layout]


def checksum_of(vector: Vector) -> int:
    """Return a checksum of the bytes of a contiguous vector, to notice changes."""
    return zlib.crc32(vector.data)

"""The vectors of a run as one array of rows, without a copy where that is possible."""

from __future__ import annotations

import math
import mmap
from typing import Any, Callable, Iterator, Sequence

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .arrays import Array
from .errors import InputError, RowIndexError


class VectorColumn:
    """Where the vectors of one column are: in which map, and at which byte.

    maps are the segments of the run. segment (int64) and place (int64) have one element for
    each row; the place is -1 where the row has no vector. dtype is float32, float16 or
    bfloat16: that of the elements in the files.
    """

    def __init__(
        self, name: str, maps: Sequence[mmap.mmap | bytes], segment: Array, place: Array, dtype: str, size: int
    ):
        self.name, self.maps, self.segment, self.place, self.size = name, maps, segment, place, size
        self.dtype = np.dtype({"float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}[dtype])
        self.widen: Callable[[Array], Array] | None = {"float16": _widen_half, "bfloat16": _widen_bfloat}.get(dtype)


class Vectors(NDArrayOperatorsMixin):
    """The vectors of many rows, as numpy would show them: float32, of the shape [rows, P].

    Nothing is read before it is used, and every array is read-only, because it is the file
    itself in memory. `vectors[k]` is a view of one row. A slice, a list of rows or a mask
    gives Vectors again. A tuple selects elements too: `vectors[:, 5]` is an array.

    `numpy.asarray(vectors)` is a view if the rows have equal distances in one file, as rows
    mostly have; otherwise it is a copy. Operators, functions of numpy and the methods of an
    array, such as vectors.mean(axis=0), use this array.

    A row without the vector (the last row has no gradient) is all NaN. 16-bit elements are
    converted to float32 when they are read, which copies them.
    """

    def __init__(self, column: VectorColumn, rows: Array, start: int = 0, shape: Sequence[int] | None = None):
        self._column, self._rows, self._start = column, rows, start
        self._shape = (column.size,) if shape is None else tuple(shape)
        self._count = math.prod(self._shape)  # elements of one row

    # What numpy and users expect of an array.

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, and the shape of one row."""
        return (len(self._rows), *self._shape)

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """float32."""
        return np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return 1 + len(self._shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return len(self._rows) * self._count

    @property
    def nbytes(self) -> int:
        """The bytes that a copy would need."""
        return 4 * self.size

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Array]:
        return map(self._one, range(len(self._rows)))

    def __repr__(self) -> str:
        return f"<{self._column.name} of {len(self._rows)} rows, float32 {list(self._shape)} each>"

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            if not key:
                return self
            picked = self[key[0]]
            if not isinstance(picked, Vectors):
                return picked[key[1:]]
            view = picked._view()
            if view is not None:
                return view[(slice(None), *key[1:])]
            if len(picked) == 0:
                return np.zeros((0, *self._shape), np.float32)[(slice(None), *key[1:])]
            return np.stack([row[key[1:]] for row in picked])
        if isinstance(key, (int, np.integer)):
            return self._one(self._index(key))
        if key is Ellipsis:
            return self
        if not isinstance(key, slice):
            key = np.asarray(key)
            if key.ndim != 1 or key.dtype.kind not in "biu" and key.size:
                raise InputError(f"rows are selected by a number, a slice, a list of numbers or a mask, not by {key!r}")
            key = key.astype(np.int64) if not key.size else key
        try:
            return Vectors(self._column, self._rows[key], self._start, self._shape)
        except IndexError as e:
            raise RowIndexError(f"{self._column.name}: {e}") from None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        view = self._view()
        if view is None and copy is False:
            raise InputError(f"{self!r} cannot be one array without a copy; use numpy.asarray without copy=False")
        out = self._copied() if view is None else view.copy() if copy else view
        return out if dtype is None else out.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        inputs = tuple(np.asarray(x) if isinstance(x, Vectors) else x for x in inputs)
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(np.asarray(self), name)

    # Where the rows are.

    def has(self, k: int) -> bool:
        """Return whether row k has the vector. Raises RowIndexError if there is no such row."""
        return bool(self._column.place[self._rows[self._index(k)]] >= 0)

    def part(self, start: int, shape: Sequence[int]) -> Vectors:
        """Return the same rows of a part of the vector: a tensor that begins at element start."""
        return Vectors(self._column, self._rows, self._start + start, shape)

    def _index(self, key: int | np.integer[Any]) -> int:
        """Return the number of a row from 0, given one that may count from the end."""
        n = len(self._rows)
        if not -n <= key < n:
            raise RowIndexError(f"row {key} is not among the {n} rows of {self._column.name}")
        return int(key) % n

    def _one(self, i: int) -> Array:
        """Return row i of these rows."""
        row: Array = self._strided(i, 1)[0]
        return row

    def _strided(self, first: int, n: int) -> Array:
        """Return n rows from row first on, whose distances are equal, and which all have the vector or not.

        It is a view, unless elements have 16 bits.
        """
        column, rows = self._column, self._rows[first : first + min(n, 2)]
        places = column.place[rows] + self._start * column.dtype.itemsize
        if column.place[rows[0]] < 0:
            return np.broadcast_to(np.float32(np.nan), (n, *self._shape))
        stride = int(places[1] - places[0]) if n > 1 else 0
        strides = [stride, *(column.dtype.itemsize * math.prod(self._shape[d + 1 :]) for d in range(len(self._shape)))]
        data = column.maps[column.segment[rows[0]]]
        out: Array = np.ndarray((n, *self._shape), column.dtype, data, int(places[0]), strides)
        return column.widen(out) if column.widen else out

    def _pieces(self) -> list[tuple[int, int]]:
        """Divide the rows into pieces with equal distances in one file. Return the first row and the size of each."""
        place, segment = self._column.place[self._rows], self._column.segment[self._rows]
        n, step = len(place), np.diff(place)
        # Whether a row and the next one can be in one piece: both absent, or both in one file.
        near = (segment[1:] == segment[:-1]) & ((place[1:] < 0) == (place[:-1] < 0))
        is_end = ~near[1:] | (step[1:] != step[:-1])  # of distance i, if the next distance is another one
        ends = np.append(np.flatnonzero(is_end), n - 2)
        pieces, first = [], 0
        while first < n:
            last = first  # of the piece
            if first < n - 1 and near[first]:
                last = int(ends[np.searchsorted(ends, first)]) + 1
            pieces.append((first, last + 1 - first))
            first = last + 1
        return pieces

    def _view(self) -> Array | None:
        """Return all rows as one view, or None if that is not possible."""
        if not len(self._rows) or self._column.widen:
            return None
        pieces = self._pieces()
        has_all = self._column.place[self._rows[0]] >= 0
        return self._strided(*pieces[0]) if len(pieces) == 1 and has_all else None

    def _copied(self) -> Array:
        """Return a copy of all rows."""
        out: Array = np.empty(self.shape, np.float32)
        for first, n in self._pieces():
            out[first : first + n] = self._strided(first, n)
        return out


def _widen_half(bits: Array) -> Array:
    """Return float16 numbers as float32."""
    return bits.astype(np.float32)


def _widen_bfloat(bits: Array) -> Array:
    """Return the float32 numbers whose upper halves are given."""
    return (bits.astype(np.uint32) << 16).view(np.float32)

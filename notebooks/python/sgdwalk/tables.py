"""The tables of a result."""

from __future__ import annotations

import os
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from .arrays import Array
from .arrow_table import read_table
from .words import listed


class Tables(Mapping[str, Array]):
    """The tables of a result, by name: structured arrays of numpy.

        result.tables["losses"]["loss"]
        result.tables.to_pandas("losses")

    Columns are int64, float64, float32, bool and texts. A column of int64 or bool with absent
    values is float64, and the absent values are NaN. A table is read when it is first used.
    """

    def __init__(self, directory: str, files: Sequence[str]):
        self._directory = directory
        self._names = [os.path.splitext(f)[0] for f in files if f.endswith(".arrow")]
        self._read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(f"the result has no table {name!r}; it has {listed(self._names)}")
        if name not in self._read:
            self._read[name] = read_table(os.path.join(self._directory, name + ".arrow"))
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<tables {', '.join(self._names)}>"

    def to_pandas(self, name: str) -> Any:
        """Return a table as pandas.DataFrame. It needs pandas."""
        import pandas

        return pandas.DataFrame(self._columns(name))

    def to_polars(self, name: str) -> Any:
        """Return a table as polars.DataFrame. It needs polars."""
        import polars

        return polars.DataFrame(self._columns(name))

    def _columns(self, name: str) -> dict[str, Array]:
        table = self[name]
        return {n: np.ascontiguousarray(table[n]) for n in table.dtype.names or ()}

"""The tables of a result."""

from __future__ import annotations

import csv
import os
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from .arrays import Array
from .errors import InputError
from .words import listed


class Tables(Mapping[str, Array]):
    """The tables of a result, by name: structured arrays of numpy.

        result.tables["losses"]["loss"]
        result.tables.to_pandas("losses")

    A column of whole numbers is int64, or float64 with NaN if values are missing; one of other
    numbers is float64; one of true and false is bool; other columns are texts. A table is read
    when it is first used.
    """

    def __init__(self, directory: str, files: Sequence[str]):
        self._directory = directory
        self._names = [os.path.splitext(f)[0] for f in files if f.endswith(".arrow")]
        self._read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(f"the result has no table {name!r}; it has {listed(self._names)}")
        if name not in self._read:
            self._read[name] = read_table(os.path.join(self._directory, name + ".csv"))
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


def read_table(path: str) -> Array:
    """Return a CSV file of sgdwalk as structured array.

    Raises InputError if the table is so long that it has no CSV file.
    """
    if not os.path.isfile(path):
        arrow = os.path.splitext(path)[0] + ".arrow"
        raise InputError(f"the table is too long for a text file; read {arrow} with pyarrow, pandas or polars")
    with os.fdopen(os.open(path, os.O_RDONLY), "r", encoding="utf-8", newline="") as file:
        names, *rows = list(csv.reader(file))
    columns = [_column(texts) for texts in zip(*rows)] if rows else [np.zeros(0)] * len(names)
    table = np.empty(len(rows), dtype=[(n, c.dtype) for n, c in zip(names, columns)])
    for name, column in zip(names, columns):
        table[name] = column
    return table


def _column(texts: Sequence[str]) -> Array:
    """Return the values of a column as the narrowest type that all texts have."""
    attempts: list[Callable[[], Array]] = [
        lambda: np.array([int(t) for t in texts], dtype=np.int64),
        lambda: np.array([float(t) if t else np.nan for t in texts]),
        lambda: np.array([{"true": True, "false": False}[t] for t in texts]),
    ]
    for attempt in attempts:
        try:
            return attempt()
        except (ValueError, KeyError, OverflowError):
            pass
    return np.array(texts)

"""Read the table of a result from its Arrow file."""

from __future__ import annotations

import os
import pathlib
import struct
from typing import Callable

import numpy as np

from .arrays import Array
from .errors import SgdwalkError
from .flatbuffer import FlatbufferError, FlatTable, flat_root

_INT, _FLOAT, _TEXT, _BOOL = 2, 3, 5, 6  # types of columns in the schema


def read_table(path: str | os.PathLike[str]) -> Array:
    """Return a table as structured array. Raises SgdwalkError if the file is missing or damaged.

    The file has one record batch, with columns of int64, float64, float32, text and bool.
    """
    try:
        data = pathlib.Path(path).read_bytes()
        schema, at = _message(data, 8)
        batch, body = _message(data, at)
        return _decoded(data, schema.tables(1), batch, body)
    except (OSError, ValueError, struct.error) as e:
        raise SgdwalkError(f"the table {os.fspath(path)} cannot be read: {e}") from None


def _message(data: bytes, at: int) -> tuple[FlatTable, int]:
    """Return the header of the message at a place, and the place behind its metadata."""
    mark, size = struct.unpack_from("<II", data, at)
    end = at + 8 + size
    if not data.startswith(b"ARROW1") or mark != 0xFFFFFFFF or end > len(data):
        raise FlatbufferError("it is not an Arrow file of sgdwalk")
    return flat_root(data[at + 8 : end]).table(2), end


def _decoded(data: bytes, fields: list[FlatTable], batch: FlatTable, body: int) -> Array:
    """Return the columns of a record batch, whose body begins at a place."""
    rows = batch.number(0, "q")
    nodes = batch.numbers(1, "qq")
    places = iter(batch.numbers(2, "qq"))
    if len(nodes) != len(fields) or not 0 <= rows <= 8 * len(data):
        raise FlatbufferError(f"it has {len(nodes)} columns of {rows} rows; the schema has {len(fields)} columns")

    def buffer() -> bytes:
        offset, size = next(places, (-1, 0))
        if offset < 0 or size < 0 or body + offset + size > len(data):
            raise FlatbufferError("a column runs out of the file")
        return data[body + offset : body + offset + size]

    columns = {}
    for field, (_, absent) in zip(fields, nodes):
        valid = buffer()
        values = _values(field, buffer, rows)
        if absent:
            values = _with_absent(values, ~_bits(valid, rows))
        if len(values) != rows:
            raise FlatbufferError(f"a column has {len(values)} rows instead of {rows}")
        columns[field.text(0)] = values
    table = np.empty(rows, dtype=[(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table


def _values(field: FlatTable, buffer: Callable[[], bytes], rows: int) -> Array:
    """Return the values of a column, and 0 or "" for absent ones."""
    kind = field.number(2, "b")
    if kind == _BOOL:
        return _bits(buffer(), rows)
    if kind == _TEXT:
        ends, text = np.frombuffer(buffer(), "<i4"), buffer()
        return np.array([text[a:b].decode() for a, b in zip(ends[:rows], ends[1 : rows + 1])] or [""])[:rows]
    form = {(_INT, 64): "<i8", (_FLOAT, 2): "<f8", (_FLOAT, 1): "<f4"}.get(
        (kind, field.table(3).number(0, "i" if kind == _INT else "h"))
    )
    if form is None:
        raise FlatbufferError(f"the column {field.text(0)!r} has an unknown type")
    return np.frombuffer(buffer(), form)[:rows]


def _with_absent(values: Array, absent: Array) -> Array:
    """Return NaN for absent numbers; texts stay empty."""
    if values.dtype.kind == "U":
        return values
    values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
    values[absent] = np.nan
    return values


def _bits(data: bytes, rows: int) -> Array:
    """Return the first bits of a buffer as bool."""
    bits: Array = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:rows].astype(bool)
    if len(bits) != rows:
        raise FlatbufferError(f"a column has {len(bits)} bits instead of {rows}")
    return bits

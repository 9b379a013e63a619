"""One segment of a run: an Arrow file with one row per record batch, mapped into memory."""

from __future__ import annotations

import mmap
import os
import struct

import numpy as np

from .arrays import Array
from .columns import Columns
from .errors import DamagedRunError, RunError
from .flatbuffer import FlatbufferError, flat_root

_MAGIC = b"ARROW1"
_MAX_METADATA = 64 << 10
_MAX_SCHEMA = (16 << 20) + _MAX_METADATA  # it contains a copy of the header
_MANY = 1 << 12  # rows whose metadata is compared at once


class Segment:
    """The rows of a segment file.

    first is the number of its first row in the run: that which the file says, once its schema
    is complete. A row is known by the place of its body in the file and by its set of absent values. The
    map and the arrays of an earlier refresh stay valid while something refers to them.
    """

    def __init__(self, path: str, number: int, first: int, columns: Columns, identity: str):
        self.path, self.number, self.first = path, number, first
        self._columns, self._identity = columns, identity
        self.map: mmap.mmap | bytes = b""
        self.size = 0  # of the file, when it was mapped
        self.final_rows: int | None = None  # rows of the run, if it came to its end with this segment
        self._at = 0  # where the next row begins; 0 before the schema is read
        self._known: dict[bytes, tuple[int, int]] = {}  # absent values and size of the body, by metadata
        self._pieces: list[tuple[int, int, int, int]] = []  # place of the first body, rows, stride, absent values
        self._file: tuple[int, int] | None = None
        self.rows = 0
        self.refresh()

    def refresh(self) -> None:
        """Map the file again, and find the rows that were added to it.

        Raises DamagedRunError, also when the file was cut or replaced since it was opened.
        """
        with os.fdopen(os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb") as file:
            stat = os.fstat(file.fileno())
            identity = stat.st_dev, stat.st_ino
            if self._file not in (None, identity) or stat.st_size < self._at:
                raise RunError(f"{self.path}: the file was cut or replaced since the run was opened; open it again")
            if self._file is not None and stat.st_size == self.size:
                return
            self._file, self.size = identity, stat.st_size
            self.map = mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ) if self.size else b""
        footer = self._read_footer()
        if self._at or self._read_schema(is_closed=footer is not None):
            self._walk(self.size if footer is None else footer, is_closed=footer is not None)

    def bodies(self) -> tuple[Array, Array]:
        """Return the places of the bodies in the file (int64) and the sets of absent values (int16)."""
        places = [first + stride * np.arange(n, dtype=np.int64) for first, n, stride, _ in self._pieces]
        nulls = [np.full(n, absent, dtype=np.int16) for _, n, _, absent in self._pieces]
        empty = np.zeros(0, dtype=np.int64)
        return np.concatenate([empty, *places]), np.concatenate([empty.astype(np.int16), *nulls])

    def _damaged(self, row: int | None, why: str) -> DamagedRunError:
        return DamagedRunError(self.path, None if row is None else self.first + row, why)

    # The ends of the file.

    def _read_schema(self, is_closed: bool) -> bool:
        """Check that the segment belongs to the run. Return False if the schema is not complete yet."""
        if self.size < 16:
            return False
        mark, n = struct.unpack_from("<II", self.map, 8)
        if self.map[:8] != _MAGIC + b"\0\0" or mark != 0xFFFFFFFF or n > _MAX_SCHEMA:
            raise self._damaged(None, "does not begin as a segment")
        if n > self.size - 16:
            if is_closed:
                raise self._damaged(None, "has a schema that runs into the footer")
            return False
        try:
            schema = flat_root(self.map[16 : 16 + n]).table(2)
            names = [f.text(0) for f in schema.tables(1)]
            says = schema.texts(2)
        except FlatbufferError as e:
            raise self._damaged(None, f"has a damaged schema: {e}") from None
        if says.get("sgdwalk.header_sha256") != self._identity:
            raise self._damaged(None, "belongs to another run than header.json, or one of them was changed")
        if names != [c.name for c in self._columns.list] or says.get("sgdwalk.segment") != str(self.number):
            raise self._damaged(None, "has columns or a number that the header does not imply")
        begins = says.get("sgdwalk.first_row", "")
        if not begins.isdecimal():
            raise self._damaged(None, f"says that it begins with row {begins!r}")
        self.first = int(begins)
        self._at = 16 + n
        return True

    def _read_footer(self) -> int | None:
        """Return where the footer begins, or None if the segment has no footer."""
        tail = self.map[-10:]
        if len(tail) < 10 or tail[4:] != _MAGIC:
            return None
        at = self.size - 10 - int(struct.unpack("<I", tail[:4])[0])
        if at < 16:
            return None
        try:
            rows = flat_root(self.map[at : self.size - 10]).texts(4).get("sgdwalk.rows", "")
        except FlatbufferError as e:
            raise self._damaged(None, f"has a damaged footer: {e}") from None
        self.final_rows = int(rows) if rows.isdecimal() else None
        return at

    # The rows.

    def _walk(self, limit: int, is_closed: bool) -> None:
        """Find the rows from the last known one up to limit. Without a footer the last row may be torn."""
        while True:
            found = self._message(limit, is_closed)
            if found is None:
                return
            nulls, length, size = found
            prefix, stride = 8 + length, 8 + length + size
            body, n = self._at + prefix, 0  # n rows before this one are alike and at equal distances
            if self._pieces:
                first, n, *others = self._pieces[-1]
                if others != [stride, nulls] or first + n * stride != body:
                    n = 0
            # After some rows that are alike, the next ones are probably alike too.
            count = self._count_alike(limit, prefix, stride) if n > 8 else 1
            if n:
                self._pieces[-1] = first, n + count, stride, nulls
            else:
                self._pieces.append((body, count, stride, nulls))
            self.rows += count
            self._at += count * stride

    def _message(self, limit: int, is_closed: bool) -> tuple[int, int, int] | None:
        """Return the absent values, the bytes of the metadata and of the body of the next row.

        Return None at the end of the rows.
        """
        at, rest = self._at, limit - self._at
        if is_closed and rest == 0:
            return None
        if rest < 8:
            self._check_torn(is_closed)
            return None
        mark, length = struct.unpack_from("<II", self.map, at)
        if mark == 0xFFFFFFFF and length == 0 and (rest == 8 or not is_closed):
            return None  # the end mark
        if mark != 0xFFFFFFFF or length > _MAX_METADATA or length % 8:
            if not is_closed and not any(self.map[at : at + (1 << 20)]):
                return None  # a power cut leaves zeros
            raise self._damaged(self.rows, f"does not begin at byte {at}, where it must")
        if length > rest - 8:
            self._check_torn(is_closed)
            return None
        metadata = self.map[at + 8 : at + 8 + length]
        if metadata not in self._known:
            try:
                nulls = self._columns.nulls_of(flat_root(metadata))
            except FlatbufferError as e:
                raise self._damaged(self.rows, f"at byte {at} has damaged metadata: {e}") from None
            self._known[metadata] = nulls, self._columns.body(nulls).size
        nulls, size = self._known[metadata]
        if size > rest - 8 - length:
            self._check_torn(is_closed)
            return None
        return nulls, length, size

    def _check_torn(self, is_closed: bool) -> None:
        """Accept a torn last row, which was never acknowledged, unless the segment has a footer."""
        if is_closed:
            raise self._damaged(self.rows, "runs into the footer")

    def _count_alike(self, limit: int, prefix: int, stride: int) -> int:
        """Return the number of rows from the next one on that have its metadata."""
        most = min(_MANY, (limit - self._at) // stride)
        shape, strides = (most, prefix // 8), (stride, 8)
        heads: Array = np.ndarray(shape, np.uint64, self.map, self._at, strides)
        same = (heads == heads[0]).all(axis=1)
        return most if same.all() else int(same.argmin())

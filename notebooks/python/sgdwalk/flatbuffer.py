"""Read the flatbuffers of Arrow files, without trusting them."""

from __future__ import annotations

import struct


class FlatbufferError(ValueError):
    """An offset of a flatbuffer points outside of it. The reader of a segment turns it into a DamagedRunError."""


class FlatTable:
    """A table of a flatbuffer: pos is its place in data. Fields have numbers from 0.

    Every method raises FlatbufferError when it would read outside of data.
    """

    def __init__(self, data: bytes, pos: int):
        self._data, self._pos = data, pos

    def number(self, field: int, form: str, default: int = 0) -> int:
        """Return a number, in the form of struct ("b", "h", "i", "q"), or default if the field is missing."""
        at = self._at(field)
        return _number(self._data, at, form) if at else default

    def has(self, field: int) -> bool:
        """Return whether the table has the field."""
        return bool(self._at(field))

    def table(self, field: int) -> FlatTable:
        """Return the table that a field points to."""
        at = self._at(field)
        if not at:
            raise FlatbufferError("a table of the metadata is missing")
        return FlatTable(self._data, at + _number(self._data, at, "I"))

    def text(self, field: int) -> str:
        """Return a text; empty if the field is missing."""
        at, size = self._vector(field)
        if at + size > len(self._data):
            raise FlatbufferError("an offset points outside the metadata")
        return self._data[at : at + size].decode("utf-8", "replace")

    def numbers(self, field: int, form: str) -> list[tuple[int, ...]]:
        """Return the elements of a vector of structs, each in the form of struct."""
        at, n = self._vector(field)
        size = struct.calcsize("<" + form)
        if at + n * size > len(self._data):
            raise FlatbufferError("an offset points outside the metadata")
        return list(struct.iter_unpack("<" + form, self._data[at : at + n * size]))

    def tables(self, field: int) -> list[FlatTable]:
        """Return the elements of a vector of tables."""
        at, n = self._vector(field)
        if at + 4 * n > len(self._data):
            raise FlatbufferError("an offset points outside the metadata")
        places = range(at, at + 4 * n, 4)
        return [FlatTable(self._data, place + _number(self._data, place, "I")) for place in places]

    def texts(self, field: int) -> dict[str, str]:
        """Return a vector of pairs of texts: the custom metadata of a schema or a footer."""
        return {pair.text(0): pair.text(1) for pair in self.tables(field)}

    def _at(self, field: int) -> int:
        """Return the place of a field, or 0 if it is missing."""
        vtable = self._pos - _number(self._data, self._pos, "i")
        slot = 4 + 2 * field
        if slot + 2 > _number(self._data, vtable, "H"):
            return 0
        offset = _number(self._data, vtable + slot, "H")
        return self._pos + offset if offset else 0

    def _vector(self, field: int) -> tuple[int, int]:
        """Return the place of the first element of a vector, and the number of elements."""
        at = self._at(field)
        if not at:
            return 0, 0
        at += _number(self._data, at, "I")
        return at + 4, _number(self._data, at, "I")


def flat_root(data: bytes) -> FlatTable:
    """Return the root table of a flatbuffer."""
    return FlatTable(data, _number(data, 0, "I"))


def _number(data: bytes, at: int, form: str) -> int:
    if at < 0 or at + struct.calcsize("<" + form) > len(data):
        raise FlatbufferError("an offset points outside the metadata")
    value: int = struct.unpack_from("<" + form, data, at)[0]
    return value

"""The columns of a run, and the place of every value in a row; FORMAT.md of sgdwalk has the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from .flatbuffer import FlatbufferError, FlatTable

OPTIONAL = ("batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss")
VECTORS = ("theta", "grad", "state")


@dataclass(frozen=True)
class Column:
    """One column of a segment."""

    name: str
    form: str  # numpy's name of the type of the value, or of an element
    width: int  # bytes of the value, or of an element
    null: int = -1  # bit of the column in a set of absent values; -1 for a column that is never absent
    length: int = -1  # elements of a vector, -1 for a number

    @property
    def bytes(self) -> int:
        """The bytes of the column in one row."""
        return self.width * self.length if self.length >= 0 else self.width


@dataclass
class Body:
    """The places of the values in the body of a row, for one set of absent values."""

    size: int = 0
    at: dict[str, int] = field(default_factory=dict)  # of every column and checksum, in bytes
    nodes: list[tuple[int, ...]] = field(default_factory=list)  # length and null count of each array
    buffers: list[tuple[int, ...]] = field(default_factory=list)  # offset and bytes of each buffer

    def reserve(self, size: int) -> int:
        """Reserve bytes, and return where they begin. Every part begins at a multiple of 8."""
        at, self.size = self.size, self.size + (size + 7) // 8 * 8
        return at

    def buffer(self, size: int) -> int:
        """Reserve the bytes of a buffer."""
        at = self.reserve(size)
        self.buffers.append((at, size))
        return at


class Columns:
    """The columns that the header of a run implies.

    The metadata of a row must be what the header implies; only the set of absent values,
    which has one bit for each column of OPTIONAL and VECTORS, differs among rows.
    """

    def __init__(self, header: Mapping[str, Any], p: int, s: int):
        self.format: int = header["format"]
        self.dtype: str = header["dtype"]
        has = header["columns"]
        self.vectors = [v for v in VECTORS if has.get(v)]
        self.has_substeps = self.format < 2 or bool(has.get("substep"))
        self._bodies: dict[int, Body] = {}
        form, width = ("f4", 4) if self.dtype == "float32" else ("u2", 2)
        substep = [Column("substep", "i4", 4)] if self.has_substeps else []
        self.list = [Column("step", "i8", 8), *substep, Column("epoch", "i4", 4), Column("examples", "i4", 4)]
        self.list += [Column("evaluations", "i8", 8)]
        self.list += [Column(name, "f8", 8, i) for i, name in enumerate(OPTIONAL)]
        if self.format > 1:
            self.list.append(Column("wall_time_ns", "i8", 8))
        for name in self.vectors:
            null = len(OPTIONAL) + VECTORS.index(name)
            state = name == "state"
            self.list.append(Column(name, "f4" if state else form, 4 if state else width, null, s if state else p))
            if self.format == 1:
                self.list.append(Column(f"{name}_crc32c", "u4", 4))
        if self.format == 1:
            self.list += [Column("crc32c", "u4", 4), Column("wall_time_ns", "i8", 8), Column("wall_crc32c", "u4", 4)]
        self.by_name = {c.name: c for c in self.list}

    def is_absent(self, name: str, nulls: Any) -> Any:
        """Return whether the column is absent in a set of absent values, or in each set of an array."""
        null = self.by_name[name].null
        return (nulls >> null) & 1 != 0 if null >= 0 else nulls < 0

    def body(self, nulls: int) -> Body:
        """Return the places of the values for a set of absent values."""
        if nulls not in self._bodies:
            self._bodies[nulls] = self._place(nulls)
        return self._bodies[nulls]

    def _place(self, nulls: int) -> Body:
        body = Body()
        bitmap = 64 if self.format == 1 else 1
        for c in self.list:
            absent = bool(self.is_absent(c.name, nulls))
            body.nodes.append((1, int(absent)))
            body.buffer(bitmap if absent else 0)
            if c.length >= 0:
                body.nodes.append((c.length, 0))
                body.buffer(0)
            body.at[c.name] = body.buffer(c.bytes)
        if self.format > 1:  # the checksums are behind the columns
            names = [f"{v}_crc32c" for v in self.vectors] + ["crc32c", "wall_crc32c"]
            at = body.reserve(4 * len(names))
            body.at.update({name: at + 4 * i for i, name in enumerate(names)})
        return body

    def nulls_of(self, message: FlatTable) -> int:
        """Return the set of absent values of a row, from its metadata.

        Raises FlatbufferError when the metadata is not what the header implies.
        """
        if message.number(0, "h") != 4 or message.number(1, "b") != 3:
            raise FlatbufferError("the message is not a record batch of metadata version 5")
        batch = message.table(2)
        if batch.number(0, "q") != 1 or batch.has(3):
            raise FlatbufferError("the record batch must have one row, without compression")
        nodes = batch.numbers(1, "qq")
        first = [node for node, implied in zip(nodes, self._columns_of_nodes()) if implied is not None]
        nulls = sum(1 << c.null for c, node in zip(self.list, first) if c.null >= 0 and node == (1, 1))
        body = self.body(nulls)
        if nodes != body.nodes or batch.numbers(2, "qq") != body.buffers or message.number(3, "q") != body.size:
            raise FlatbufferError("the metadata is not what the header implies")
        return nulls

    def _columns_of_nodes(self) -> list[Column | None]:
        """Return the column of each array; None for the elements of a vector."""
        return [part for c in self.list for part in ((c, None) if c.length >= 0 else (c,))]

"""The numbers of the rows of a segment, and the places of their vectors."""

from __future__ import annotations

import numpy as np

from .arrays import Array
from .columns import OPTIONAL, Columns
from .errors import DamagedRunError
from .row_checksums import crc32c_of_rows
from .segment import Segment

NUMBERS = ("step", "substep", "epoch", "examples", "evaluations", *OPTIONAL, "wall_time_ns")


class Scalars:
    """What is known of the rows of a segment without reading the vectors.

    numbers has an array for each name in NUMBERS, with NaN for absent numbers. places has the
    byte where each vector begins in the file, by the name of its column; -1 where the row has
    no vector. nulls are the sets of absent values. All have one element for each row.
    """

    def __init__(self, columns: Columns):
        self._columns = columns
        self.nulls: Array = np.zeros(0, np.int16)
        self.numbers: dict[str, Array] = {}
        self.places: dict[str, Array] = {}

    def empty(self) -> dict[str, Array]:
        """Return the numbers of no rows."""
        forms = {name: column.form for name, column in self._columns.by_name.items()}
        return {name: np.zeros(0, forms.get(name, "i4")) for name in NUMBERS}

    def extend(self, segment: Segment, identity: bytes) -> None:
        """Read the rows that were added to the segment. identity is that of the run.

        Raises DamagedRunError for a row whose numbers differ from their checksum.
        """
        known = len(self.nulls)
        bodies, nulls = segment.bodies()
        if len(nulls) == known:
            return
        added = _Added(self._columns, segment, bodies[known:], nulls[known:])
        added.check(segment.first + known, identity)
        numbers, places = added.numbers(), {name: added.vector(name) for name in self._columns.vectors}
        if known:
            numbers = {name: np.concatenate([self.numbers[name], v]) for name, v in numbers.items()}
            places = {name: np.concatenate([self.places[name], v]) for name, v in places.items()}
        self.nulls, self.numbers, self.places = nulls, numbers, places


class _Added:
    """Reads rows from the places of their bodies and their sets of absent values."""

    def __init__(self, columns: Columns, segment: Segment, bodies: Array, nulls: Array):
        self._columns, self._segment, self._bodies, self._nulls = columns, segment, bodies, nulls
        words: Array = np.frombuffer(segment.map, np.uint32, segment.size // 4)
        self._words = words
        self._patterns = np.unique(nulls)

    def numbers(self) -> dict[str, Array]:
        """Return all numbers, with NaN for those that are absent."""
        out = {name: self._number(name) for name in NUMBERS}
        for name in OPTIONAL:
            out[name][self._columns.is_absent(name, self._nulls)] = np.nan
        return out

    def vector(self, name: str) -> Array:
        """Return where a vector begins in each row, or -1."""
        return np.where(self._columns.is_absent(name, self._nulls), -1, self._place(name))

    def check(self, first: int, identity: bytes) -> None:
        """Compare the numbers with their checksums. first is the number of the first of these rows in the run."""
        n = len(self._bodies)
        parts = [self._number(name) for name in ("step", "substep", "epoch", "examples", "evaluations")]
        for name in (*OPTIONAL, *self._columns.vectors):
            present: Array = ~self._columns.is_absent(name, self._nulls)
            parts.append(present.astype(np.uint8))
            parts.append(self._number(name if name in OPTIONAL else f"{name}_crc32c"))
        parts.append(np.arange(first, first + n, dtype=np.int64))
        parts.append(np.broadcast_to(np.frombuffer(identity, np.uint8), (n, len(identity))))
        wrong = crc32c_of_rows(parts) != self._number("crc32c")
        wrong |= crc32c_of_rows([self._number("wall_time_ns")]) != self._number("wall_crc32c")
        if wrong.any():
            row = first + int(wrong.argmax())
            raise DamagedRunError(self._segment.path, row, "has numbers that differ from their checksum")

    def _place(self, name: str) -> Array:
        """Return the place of a value in each row, in bytes of the file."""
        at = np.zeros(len(self._bodies), np.int64)
        for nulls in self._patterns:
            at[self._nulls == nulls] = self._columns.body(int(nulls)).at[name]
        return self._bodies + at

    def _number(self, name: str) -> Array:
        """Return a number of each row, as it is in the file: zeros where it is absent."""
        column = self._columns.by_name.get(name)
        if name == "substep" and column is None:
            return np.zeros(len(self._bodies), np.int32)
        at = self._place(name) // 4
        if column is None or column.width == 4:  # a checksum may have no column
            singles: Array = self._words[at].view(np.uint32 if column is None else column.form)
            return singles
        pairs: Array = np.stack([self._words[at], self._words[at + 1]], axis=1).view(column.form)
        return pairs.reshape(-1)

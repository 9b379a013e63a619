"""The bytes that go to `sgdwalk ingest`; STREAM.md of sgdwalk describes the format."""

from __future__ import annotations

import struct
import zlib
from typing import Sequence

import numpy as np

from .arrays import Array, Vector

HAS_THETA, HAS_GRAD, HAS_STATE = 1, 2, 4  # flags of a frame
HAS_NUMBER = (1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12)  # in the order of the numbers in the head
HAS_RATES = 1 << 13
HEAD_BYTES = 104
_HEAD, _CHECKSUM = struct.Struct("<4sIqiiiIq5dqQ"), struct.Struct("<II")

Numbers = Sequence["float | None"]  # batch loss, batch accuracy, learning rate, full loss, test loss


def head(
    magic: bytes,
    flags: int,
    step: int,
    numbers: Sequence[float] = (0.0,) * 5,
    size: int = 0,
    epoch: int = 0,
    examples: int = 0,
) -> bytes:
    """Return the head of a frame (SGDF), a note (SGDN), an announcement (SGDM) or the end (SGDE).

    size bytes follow it.
    """
    h = _HEAD.pack(magic, flags, step, 0, epoch, examples, 0, step, *numbers, 0, size)
    return h + _CHECKSUM.pack(zlib.crc32(h), 0)


class Frame:
    """The buffer of one frame: head, learning rates of several groups, theta, gradient, state.

    It is made once and filled again for each row. theta has p elements, gradient p or none,
    state s, all float32; rates has one float64 for each parameter group if there are several.
    memory is the memory for the frame; by default it is new.
    """

    def __init__(self, p: int, s: int, grad: bool, groups: int, memory: Array | None = None):
        rates = 8 * groups if groups > 1 else 0
        size = HEAD_BYTES + rates + 4 * (p + (p if grad else 0) + s)
        if memory is None:
            memory = np.zeros(size, dtype=np.uint8)
        elif memory.size < size:
            raise ValueError(f"a frame has {size} bytes, and its memory has {memory.size}")
        self._bytes = memory[:size]
        self.rates = self._bytes[HEAD_BYTES : HEAD_BYTES + rates].view(np.float64)
        floats: Vector = self._bytes[HEAD_BYTES + rates :].view(np.float32)
        self.theta, self.gradient = floats[:p], floats[p : 2 * p] if grad else floats[:0]
        self.state = floats[2 * p if grad else p :]
        self._has_grad = grad

    def row(self, step: int, numbers: Numbers, epoch: int, examples: int) -> memoryview:
        """Return the bytes of a row. They are valid until the frame is filled again."""
        return self._finished(HAS_GRAD if self._has_grad else 0, self._bytes.size, step, numbers, epoch, examples)

    def last_row(self, step: int, numbers: Numbers, epoch: int) -> memoryview:
        """Return the bytes of the last row, which has no gradient. The state moves to the place behind theta."""
        at = HEAD_BYTES + self.rates.nbytes + self.theta.nbytes
        self._bytes[at : at + self.state.nbytes] = self.state.view(np.uint8).copy()
        return self._finished(0, at + self.state.nbytes, step, numbers, epoch, 0)

    def _finished(self, flags: int, end: int, step: int, numbers: Numbers, epoch: int, examples: int) -> memoryview:
        flags |= HAS_THETA | (HAS_STATE if self.state.size else 0) | (HAS_RATES if self.rates.size else 0)
        values = []
        for flag, v in zip(HAS_NUMBER, numbers):
            flags |= 0 if v is None else flag
            values.append(0.0 if v is None else v)
        h = head(b"SGDF", flags, step, values, end - HEAD_BYTES, epoch, examples)
        self._bytes[:HEAD_BYTES].data[:] = h
        return self._bytes[:end].data

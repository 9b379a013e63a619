"""The checksums of rows: CRC-32C, for many rows at once."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from .arrays import Array

_CASTAGNOLI = 0x82F63B78  # reflected


def _table() -> Array:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> 1 ^ np.uint32(_CASTAGNOLI), crc >> 1).astype(np.uint32)
    return crc


_TABLE = _table()


def crc32c_of_rows(parts: Sequence[Array]) -> Array:
    """Return the CRC-32C of each row of bytes, uint32 of shape [n].

    parts are arrays of shape [n] of any numbers; the bytes of a row are those of its numbers,
    little-endian, in this order.
    """
    crc = np.full(len(parts[0]), 0xFFFFFFFF, dtype=np.uint32)
    for part in parts:
        for byte in np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1).T:
            crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ np.uint32(0xFFFFFFFF)

"""The memory that `sgdwalk ingest` shares with the recorder, so that frames need no pipe."""

from __future__ import annotations

import mmap
import os
from typing import Any, Mapping

import numpy as np

from .arrays import Array

_FIRST_SLOT = 4096  # bytes before it: the number of frames that the program has written


class FrameMemory:
    """The slots for frames. STREAM.md of sgdwalk describes them.

    offer is the field "memory" of the program's answer. Raises OSError, KeyError or ValueError if
    the memory cannot be used.
    """

    def __init__(self, offer: Mapping[str, Any]):
        count, size = int(offer["frames"]), int(offer["bytes"])
        fd = os.open(offer["path"], os.O_RDWR)
        try:
            data = mmap.mmap(fd, _FIRST_SLOT + count * size)
        finally:
            os.close(fd)
        self._done: Array = np.frombuffer(data, np.int64, 1)
        whole: Array = np.frombuffer(data, np.uint8)
        starts = range(_FIRST_SLOT, len(data), size)
        self.slots: list[Array] = [whole[at : at + size] for at in starts]

    def has_room(self, frames: int) -> bool:
        """Return whether the slot of the next frame is free, after a number of frames."""
        return frames - int(self._done[0]) < len(self.slots)

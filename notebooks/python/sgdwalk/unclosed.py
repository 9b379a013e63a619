"""The recorders that are not closed: end them when the script ends, and in forked children."""

from __future__ import annotations

import atexit
import os
import sys
from typing import Protocol


class Unclosed(Protocol):
    """What this file needs of a recorder."""

    def _abandon(self) -> None:
        ...

    def _end_at_exit(self, has_died: bool) -> None:
        ...

    def _end_for_successor(self, out: str) -> bool:
        ...


unclosed: dict[str, Unclosed] = {}  # by the real path of the directory


def _leave_to_parent() -> None:
    """Close the pipes in a forked child, such as a DataLoader's worker. A stream ends only
    when every process that has the pipe has closed it."""
    for recorder in list(unclosed.values()):
        recorder._abandon()
    unclosed.clear()


@atexit.register
def _end_all() -> None:
    """Close the recorders that the script has not closed. If the script died, mark their runs as unfinished."""
    has_died = getattr(sys, "last_type", None) is not None
    for recorder in list(unclosed.values()):
        recorder._end_at_exit(has_died)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)

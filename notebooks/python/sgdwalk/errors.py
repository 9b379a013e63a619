"""The errors and the warning of the package."""

from __future__ import annotations

from typing import Any


class SgdwalkError(Exception):
    """The base class of every error that this package raises. The message is one line."""


class InputError(SgdwalkError, ValueError, TypeError):
    """A value that the caller passed is not allowed. The message names the value and what is allowed.

    It is a ValueError and a TypeError, so that code which expects either of them catches it.
    """


class RunExistsError(SgdwalkError, FileExistsError):
    """The directory of a new run, or the file of a new checkpoint, exists already."""


class ProgramNotFoundError(SgdwalkError, FileNotFoundError):
    """The program sgdwalk was not found."""


class RecorderError(SgdwalkError, RuntimeError):
    """The recording cannot continue. The message is the program's own, if there is one."""


class RecorderWarning(UserWarning):
    """The recording continues, but it may not be what you expect. Each warning comes once."""


class AnalysisError(SgdwalkError, RuntimeError):
    """An analysis failed. The message is the program's own line.

    status is the exit status of the program: 1 for a failure, 2 for a mistake in the call, 3 for
    a damaged recording or for faults that an audit found.
    """

    def __init__(self, line: str, status: int):
        super().__init__(line, status)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[0])


class RunError(SgdwalkError):
    """A run cannot be read. The message names the directory or the file."""


class DamagedRunError(RunError):
    """A file of a run is damaged. The message names the file, the row if there is one, and the reason.

    path is the file. row is the number of the row in the run, from 0, or None.
    """

    def __init__(self, path: str, row: int | None, why: str):
        at = f"row {row} " if row is not None else ""
        super().__init__(f"{path}: {at}{why}; `sgdwalk verify` lists all damage, and `sgdwalk repair` saves the rest")
        self.path, self.row = path, row

    def __reduce__(self) -> Any:  # the default passes the message to __init__
        return _damage, (self.args[0], self.path, self.row)


class RowIndexError(SgdwalkError, IndexError):
    """The run does not have this row."""


def _damage(message: str, path: str, row: int | None) -> DamagedRunError:
    """Return a DamagedRunError with a given message, when it is unpickled."""
    error = DamagedRunError(path, row, "")
    error.args = (message,)
    return error

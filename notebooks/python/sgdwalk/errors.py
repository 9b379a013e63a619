"""The errors and the warning of the package."""

from __future__ import annotations


class SgdwalkError(Exception):
    """The base class of every error that this package raises. The message is one line."""


class InputError(SgdwalkError, ValueError, TypeError):
    """A value that the caller passed is not allowed. The message names the value and what is allowed.

    It is a ValueError and a TypeError, so that code which expects either of them catches it.
    """


class RunExistsError(SgdwalkError, FileExistsError):
    """The directory of a new run exists already."""


class ProgramNotFoundError(SgdwalkError, FileNotFoundError):
    """The program sgdwalk was not found."""


class RecorderError(SgdwalkError, RuntimeError):
    """The recording cannot continue. The message is the program's own, if there is one."""


class RecorderWarning(UserWarning):
    """The recording continues, but it may not be what you expect. Each warning comes once."""

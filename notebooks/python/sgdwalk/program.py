"""Find the program sgdwalk."""

from __future__ import annotations

import os
import shutil
import sysconfig

from .errors import ProgramNotFoundError


def find_program(program: str | None = None) -> str:
    """Return the path or the name of the program sgdwalk.

    The first of these that exists is used: the argument; the environment variable SGDWALK;
    the program that a wheel installed with this package, in the folder bin of the package or
    among the scripts of this Python; sgdwalk in PATH. A program that the argument or the
    variable names is never replaced by another one.

    Raises ProgramNotFoundError.
    """
    named = program or os.environ.get("SGDWALK")
    for name in [named] if named else [*_installed(), "sgdwalk"]:
        if shutil.which(name) is not None:
            return name
    raise ProgramNotFoundError(
        f"the program {named or 'sgdwalk'!r} is not in PATH: " "give program=, or set the environment variable SGDWALK"
    )


def _installed() -> list[str]:
    """Return the places where a wheel puts the program. The single file sgdwalk.py has none."""
    if not __package__:
        return []
    folders = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin"), sysconfig.get_path("scripts")
    return [os.path.join(folder, "sgdwalk") for folder in folders if folder]

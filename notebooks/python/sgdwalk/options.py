"""Turn keyword arguments into flags of the program sgdwalk."""

from __future__ import annotations

import os
from typing import Any, Mapping

from .errors import InputError

# Flags that are given once for each value. All other lists are joined by commas.
_REPEATED = ("with",)

# Flags that the package sets itself.
_OWN = ("objective", "objective-procs", "objective-restarts", "json", "quiet", "progress", "help", "version")


def flags_of(options: Mapping[str, Any]) -> list[str]:
    """Return the flags of keyword arguments.

    The name of a flag is that of the argument, with "-" for "_" and without "_" at the end:
    curve_steps=100 is --curve-steps=100, and with_=[a, b] is --with=a --with=b. True is the
    flag alone, None leaves it out, and a list is joined by commas. Everything else is written
    as text; a Run is written as its directory. The program says which flags and values it
    allows.

    Raises InputError for a flag that the package sets itself, and for a dict.
    """
    flags = []
    for argument, value in options.items():
        name = argument.rstrip("_").replace("_", "-")
        if name in _OWN:
            raise InputError(f"{argument}={value!r}: the package sets --{name} itself")
        if value is None:
            continue
        if value is True:
            flags.append(f"--{name}")
        elif isinstance(value, (list, tuple)) and name in _REPEATED:
            flags += [f"--{name}={_text(argument, v)}" for v in value]
        elif isinstance(value, (list, tuple)):
            flags.append(f"--{name}=" + ",".join(_text(argument, v) for v in value))
        else:
            flags.append(f"--{name}={_text(argument, value)}")
    return flags


def _text(argument: str, value: Any) -> str:
    """Return a value as the command line has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    if hasattr(value, "item"):  # a scalar of numpy
        return str(value.item())
    try:
        return str(os.fspath(getattr(value, "directory", value)))
    except TypeError:
        what = type(value).__name__
        raise InputError(f"{argument} is a {what}; it must be a text, a number, True, or a list of these") from None

"""Names and values in words, for messages."""

from __future__ import annotations

import os
from typing import Any, Sequence


def listed(names: Sequence[str]) -> str:
    """Return the first four names, and the number of the other ones."""
    return ", ".join(map(repr, names[:4])) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def described(value: Any) -> str:
    """Return the type of a value, and its shape if it has one: "a Tensor of shape [3]"."""
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of shape {list(shape)}" if shape is not None else "")


def shown_path(path: str) -> str:
    """Return a path as a notebook shows it: relative to the current folder if it is inside of it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive of Windows
        return path
    return path if relative.split(os.sep)[0] == os.pardir else relative

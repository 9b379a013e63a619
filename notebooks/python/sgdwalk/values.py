"""Check the numbers that the caller passes."""

from __future__ import annotations

import math
from typing import Any

from .errors import InputError


def scalar(name: str, value: Any) -> int | float:
    """Return the Python number of a number, a numpy scalar, or an array or tensor of one element.

    Raises InputError for any other value. name is used in its message.
    """
    shape = getattr(value, "shape", None)
    if shape is not None and math.prod(shape) != 1:
        raise InputError(
            f"{name} has {math.prod(shape)} elements (shape {tuple(shape)}); "
            f"it must be one number, such as {name}.mean()"
        )
    value = value.item() if hasattr(value, "item") else value
    try:
        if not isinstance(value, (str, bytes, complex)):
            return value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        pass
    raise InputError(f"{name} is {value!r}, a {type(value).__name__}; it must be one real number")


def number(name: str, value: Any, least: float | None = None, most: float = math.inf) -> float | None:
    """Return a number of a row; None stays None. With a bound the number must be finite."""
    if value is None:
        return None
    v = float(scalar(name, value))
    if least is not None and not (least <= v <= most and math.isfinite(v)):
        allowed = f"from {least} to {most}" if math.isfinite(most) else f"finite and at least {least}"
        raise InputError(f"{name} is {v:g}; it must be {allowed}")
    return v


def whole(name: str, value: Any, least: int = 0) -> int:
    """Return a whole number from least up. Raises InputError for any other value."""
    most = 2**63 - 1 if name in ("steps", "seed") else 2**31 - 2
    v = None if value is None else scalar(name, value)
    if v is None or v != v or not least <= v <= most or v != int(v):
        raise InputError(f"{name} is {value if v is None else v}; it must be a whole number from {least} to {most}")
    return int(v)

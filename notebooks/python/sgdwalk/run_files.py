"""The files of a run: header.json and the segments."""

from __future__ import annotations

import json
import os
from typing import Any

from .errors import DamagedRunError, RunError

_NEWEST_FORMAT = 3
_MAX_HEADER = 16 << 20


def read_header(path: str) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes and the content of header.json of the run in a directory.

    Raises RunError if the directory is not a run or if the format is newer than this package,
    and DamagedRunError if header.json cannot be read.
    """
    file = os.path.join(path, "header.json")
    if not os.path.isfile(file):
        what = "is not a recorded run: it has no header.json" if os.path.isdir(path) else "is not a directory"
        raise RunError(f"{path}: {what}")
    with os.fdopen(os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb") as opened:
        text = opened.read(_MAX_HEADER + 1)
    if len(text) > _MAX_HEADER:
        raise DamagedRunError(file, None, f"has more than {_MAX_HEADER} bytes")
    try:
        header = json.loads(text)
        version = header["format"]
        if isinstance(version, int) and version > _NEWEST_FORMAT:
            raise RunError(
                f"{path}: the run has format {version}, and this package reads 1 to {_NEWEST_FORMAT}; update it"
            )
        _check(header)
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise DamagedRunError(file, None, f"is not a header of a run: {type(e).__name__}: {e}") from None
    return text, header


def _check(header: Any) -> None:
    """Raise an error if a field that reading needs is missing, or has another type."""
    if header["dtype"] not in ("float32", "float16", "bfloat16"):
        raise ValueError(f"dtype is {header['dtype']!r}")
    if not isinstance(header["format"], int) or header["format"] < 1:
        raise ValueError(f"format is {header['format']!r}")
    header["columns"].get("theta")
    for layout in (header["layout"], header.get("state_layout") or []):
        for t in layout:
            sizes = [t["offset"], *t["shape"]]
            if not isinstance(t["name"], str) or not all(isinstance(n, int) and n >= 0 for n in sizes):
                raise ValueError(f"the layout has {t!r}")


def segment_names(path: str) -> list[str]:
    """Return the names of the segments, in their order. Raises DamagedRunError if one is missing."""
    names = sorted(n for n in os.listdir(path) if n.startswith("steps-") and n.endswith(".arrow"))
    for i in range(len(names)):
        name = os.path.join(path, f"steps-{i:06d}.arrow")
        # The list of a directory that is being written may be incomplete.
        if not os.path.isfile(name):
            raise DamagedRunError(name, None, "is missing, or is not a file")
    return [f"steps-{i:06d}.arrow" for i in range(len(names))]

"""The rank of this process in a distributed job."""

from __future__ import annotations

import os
import sys


def rank_of_process() -> int:
    """Return the rank of this process in a distributed job, or 0 without such a job."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    for name in ("RANK", "LOCAL_RANK"):
        value = os.environ.get(name, "")
        if value.isdecimal():
            return int(value)
    return 0

"""Show the progress of an analysis in a terminal, in a notebook or in a log."""

from __future__ import annotations

import html
import shutil
import sys
import time
from typing import Any

_PAUSE = 5.0  # seconds between two lines of a log


class Progress:
    """Shows one line that changes. This one shows nothing."""

    def show(self, line: str) -> None:
        """Show a line instead of the one before it."""

    def close(self) -> None:
        """Remove the line."""


class TerminalProgress(Progress):
    """Writes the line over the one before it."""

    def __init__(self) -> None:
        self._shown = 0

    def show(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + line.ljust(self._shown))
        sys.stderr.flush()
        self._shown = len(line)

    def close(self) -> None:
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0


class NotebookProgress(Progress):
    """Updates one display of a notebook."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, line: str) -> None:
        content = {"text/plain": line, "text/html": f"<pre>{html.escape(line)}</pre>" if line else ""}
        if self._handle is None:
            self._handle = self._display.display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def close(self) -> None:
        if self._handle is not None:
            self.show("")


class LogProgress(Progress):
    """Writes a line every 5 seconds."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def show(self, line: str) -> None:
        if time.monotonic() - self._said >= _PAUSE:
            self._said = time.monotonic()
            print(line, file=sys.stderr, flush=True)


def new_progress(wanted: bool) -> Progress:
    """Return what shows progress here: in a notebook, in a terminal, or anywhere else."""
    if not wanted or sys.stderr is None:
        return Progress()
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        import IPython.display

        return NotebookProgress(IPython.display)
    return TerminalProgress() if sys.stderr.isatty() else LogProgress()

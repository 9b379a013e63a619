"""The program `sgdwalk ingest` and the pipe to it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from typing import Any, Sequence

from .frame_memory import FrameMemory
from .stream import head


class Ingest:
    """The running program `sgdwalk ingest`, and the pipe to it.

    Frames go into memory that the program shares, if it offers that, and otherwise through the
    pipe. A thread writes to the pipe. Ctrl-C does not interrupt the thread, so a frame is always
    written completely. For frames in memory the pipe only has their number, which needs no thread:
    a write of so few bytes is never divided.
    """

    def __init__(self, command: Sequence[str]):
        # The program's messages go to a file, because no one reads a pipe during training.
        self._words = tempfile.TemporaryFile()
        # The program has its own session, so that Ctrl-C in the terminal interrupts the script only.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            bufsize=0,
            start_new_session=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._answers = self.process.stdout
        self._fd: int | None = os.dup(self.process.stdin.fileno())
        self.process.stdin.close()
        _enlarge(self._fd)
        self.memory: FrameMemory | None = None
        self.why_no_memory = ""  # why the memory that the program offered cannot be used
        self.frames = 0  # written completely
        self.error: OSError | None = None  # of the pipe; nothing is written after it
        self._busy = False
        self._work: Any = queue.SimpleQueue()
        self._done: Any = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(self._fd,), daemon=True).start()

    def _run(self, fd: int) -> None:
        while True:
            data, token, is_frame = self._work.get()
            if data is None and token is None:
                os.close(fd)
                return
            try:
                view = memoryview(data or b"")
                while view.nbytes and self.error is None:
                    view = view[os.write(fd, view) :]
                self.frames += is_frame and self.error is None
            except OSError as e:
                self.error = e
            self._done.put(token)

    def wait(self) -> None:
        """Wait until everything given to write is written. After Ctrl-C a write may still be in progress."""
        if self._busy:
            token = object()
            self._work.put((b"", token, False))
            while self._done.get() is not token:
                pass
            self._busy = False

    def write(self, data: Any, is_frame: bool = False) -> None:
        """Write all of data. If the program has ended, error is set."""
        self._busy = True
        self._work.put((data, 0, is_frame))
        self.wait()

    def ready(self) -> bool:
        """Wait for the program's answer; return whether it has accepted the run. Map its memory."""
        answer = self._answers.readline() if self.error is None else b""
        if b"sgdwalk_ready" not in answer:
            return False
        offer = json.loads(answer).get("memory")
        if offer is not None:
            try:
                self.memory = FrameMemory(offer)
            except (OSError, ValueError) as e:
                self.why_no_memory = str(e)
        return True

    def wait_for_slot(self) -> None:
        """Wait until the memory has room for a frame. If the program has ended, error is set."""
        pause = 2e-5
        while self.memory and not self.memory.has_room(self.frames) and self.error is None:
            if self.process.poll() is not None:
                self.error = BrokenPipeError("the program sgdwalk ingest has ended")
            time.sleep(pause)
            pause = min(2 * pause, 1e-3)

    def announce(self, is_new: bool) -> None:
        """Tell the program how many frames are in memory, one more if is_new. If the program has ended, error is set.

        After Ctrl-C a frame may be counted and not announced; the next call announces it.
        """
        self.wait()
        self.frames += is_new
        try:
            if self._fd is not None and self.error is None:
                os.write(self._fd, head(b"SGDM", 0, self.frames))
        except OSError as e:
            self.error = e

    def end(self) -> tuple[int, str, dict[str, Any]]:
        """Close the pipe and wait for the program. Return its exit status, its last message and its result."""
        if self._fd is not None:
            self._fd = None
            self._work.put((None, None, False))
        out = self._answers.read()
        status = self.process.wait()
        self._answers.close()
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").splitlines()
        self._words.close()
        words = _reason(status, lines)
        try:
            return status, words, json.loads(out)
        except ValueError:
            return status, words, {}

    def abandon(self) -> None:
        """Close the copy of the pipe that a forked child has."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _enlarge(fd: int) -> None:
    """Make the pipe larger than 64 KiB, so that a row fits, where the system allows it."""
    try:
        import fcntl

        fcntl.fcntl(fd, getattr(fcntl, "F_SETPIPE_SZ", 1031), 1 << 20)
    except (ImportError, OSError):
        pass


def _reason(status: int, lines: Sequence[str]) -> str:
    """Return why the program ended: its own last message if it has one. lines are all its messages."""
    if status < 0:
        name = signal.Signals(-status).name if -status in {int(s) for s in signal.Signals} else "a signal"
        memory = ", perhaps because memory ran out" if status == -9 else ""
        return f"the program sgdwalk ingest was killed by signal {-status} ({name}){memory}"
    words = next((s for s in reversed(lines) if s.startswith("sgdwalk:")), "")
    if status > 0 and not words:
        said = f"and said: {lines[-1].strip()}" if lines else "and said nothing"
        return f"the program sgdwalk ingest ended with exit status {status} {said}"
    return words

"""Run the program sgdwalk, and answer its requests while it runs."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from typing import IO, Any, Sequence

from .errors import AnalysisError, SgdwalkError
from .listener import Listener
from .progress import Progress

_POLL = 0.05  # seconds between two looks at the program
_GRACE = 5.0  # seconds for the program to end, before it is killed


class Call:
    """One run of the program, which prints its result as JSON.

    listener answers its requests; None if it has none. messages has what the program printed
    on standard error, without the progress.
    """

    def __init__(self, command: Sequence[str], listener: Listener | None, progress: Progress):
        self._listener, self._progress = listener, progress
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # of standard error, not yet shown
        self._printed = b""
        self.messages: list[str] = []
        self.line = ""  # the program's error, without its name
        # Ctrl-C in a terminal goes to all processes of its session. The program has its own
        # session, so that it receives one signal, from this process.
        own: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            own = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP")}
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **own
            )
        except OSError as e:
            raise SgdwalkError(f"{command[0]} cannot be started: {e}") from None
        assert self._process.stdout is not None and self._process.stderr is not None
        self._streams: list[IO[bytes]] = [self._process.stdout, self._process.stderr]
        self._readers = [
            threading.Thread(target=self._read_result, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_messages, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_result(self, stream: IO[bytes]) -> None:
        self._printed = stream.read()

    def _read_messages(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._lines.put(line.decode(errors="replace").rstrip())

    def result(self) -> Any:
        """Wait for the end of the program, and return what it printed.

        Raises AnalysisError if the program failed. After Ctrl-C it interrupts the program, waits
        until the program has saved what is finished, and raises KeyboardInterrupt; a second
        Ctrl-C kills the program.
        """
        try:
            try:
                self._wait(answer=True)
            except KeyboardInterrupt:
                self._interrupt()
                self._wait(answer=False)
                raise KeyboardInterrupt(self.line or "the analysis had finished") from None
        finally:
            self._end()
        if self._process.returncode != 0:
            raise AnalysisError(
                self.line or f"the program ended with {self._process.returncode}", self._process.returncode
            )
        try:
            return json.loads(self._printed)
        except ValueError:
            raise AnalysisError("the program printed no result", 0) from None

    def _wait(self, answer: bool) -> None:
        """Wait for the end of the program, answer its requests, and show its messages."""
        while self._process.poll() is None:
            if self._listener is not None and answer:
                self._listener.answer(_POLL)
            else:
                try:
                    self._process.wait(_POLL)
                except subprocess.TimeoutExpired:
                    pass
            self._show()
        for reader in self._readers:
            reader.join(_GRACE)
        self._show()

    def _show(self) -> None:
        line = None
        while not self._lines.empty():
            line = self._lines.get()
            if line.startswith("sgdwalk: "):
                self.line = line[len("sgdwalk: ") :]
            if not _is_progress(line):
                self.messages.append(line)
        if line is not None:
            self._progress.show(line)

    def _interrupt(self) -> None:
        """Ask the program to end. What it has finished is saved already."""
        self._progress.show("interrupted; waiting for the program to save what is finished")
        try:
            self._process.send_signal(getattr(signal, "CTRL_BREAK_EVENT") if os.name == "nt" else signal.SIGINT)
        except OSError:
            pass  # it has ended

    def _end(self) -> None:
        """End the program if it still runs, and free everything."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for reader, stream in zip(self._readers, self._streams):
            reader.join(_GRACE)
            if not reader.is_alive():
                stream.close()
        self._progress.close()


def _is_progress(line: str) -> bool:
    """Return whether a line is "phase: 3/10 ..."."""
    done, slash, total = line.partition(": ")[2].partition(" ")[0].partition("/")
    return slash == "/" and done.isdigit() and total.isdigit()

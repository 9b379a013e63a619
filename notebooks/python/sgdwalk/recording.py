"""One run that is being recorded: fill the frame, send it, and end the program."""

from __future__ import annotations

import json
import math
import sys
import warnings
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from .arrays import Vector, checksum_of, size_of
from .checks import Checks
from .errors import RecorderError, RecorderWarning
from .ingest import Ingest
from .layout import Model
from .optimizers import groups_of, unscaled
from .row import EpochCounter, Row
from .stream import Frame, Numbers, head
from .torch_model import TorchModel


class Recording:
    """The frame, the program that writes it, and the checks of one run.

    model, optimizers and scaler are borrowed. every: one row in how many steps is recorded.
    grad: whether rows have the gradient. on_error: "raise" or "warn".
    """

    def __init__(self, model: Model, optimizers: Sequence[Any], scaler: Any, every: int, grad: bool, on_error: str):
        self._model, self._optimizers, self._scaler = model, optimizers, scaler
        self._every, self._grad, self.on_error = every, grad, on_error
        self.steps = 0  # calls of step(), which is the number of the next row
        self.has_taken = False  # the frame has a row that is not sent
        self.ended = ""  # why the recording has ended
        self._ingest: Ingest | None = None
        self.on_end: Callable[[], None] = lambda: None  # called when the recording ends
        self._warned: set[str] = set()
        self._epochs, self._has_noted_epochs = EpochCounter(), False
        self._rate: float | None = None
        self._groups = len(groups_of(optimizers))
        p, s = size_of(model.layout), size_of(model.state_layout)
        self._sizes = p, s, grad, self._groups
        self._frames = [Frame(*self._sizes)]  # frame n of the run is in frame n modulo their number
        self._sent = self._frames[0]  # the frame of the last row
        self._before: Vector = np.zeros(s, dtype=np.float32)  # the statistics before the forward pass
        self._has_before = False
        model.state(self._before)
        self.checks = Checks(model, optimizers, self.warn)
        self._remember_start()

    @property
    def _frame(self) -> Frame:
        """The frame of the next row."""
        return self._frames[self._ingest.frames % len(self._frames) if self._ingest else 0]

    @property
    def is_open(self) -> bool:
        """Whether rows can be sent."""
        return self._ingest is not None

    def start(self, command: Sequence[str], line: Mapping[str, Any]) -> Any:
        """Start the program and wait until it has accepted the run. Return its process.

        Raises RecorderError with the program's message if it does not accept the run.
        """
        ingest = Ingest(command)
        try:
            ingest.write(json.dumps(line).encode() + b"\n")
            accepted = ingest.ready()
        except BaseException:  # Ctrl-C
            ingest.end()
            raise
        if not accepted:
            why = ingest.end()[1]
            raise RecorderError(why or "the program sgdwalk ingest did not accept the run, and did not say why")
        if ingest.memory is not None:
            self._frames = [Frame(*self._sizes, slot) for slot in ingest.memory.slots]
        self._ingest = ingest
        if ingest.why_no_memory:
            self._note(f"steps came through the pipe, because memory could not be shared: {ingest.why_no_memory}")
        return ingest.process

    # Rows.

    def check_place(self) -> None:
        """Check that the step is recorded between the forward pass and the update."""
        self._free_frame()
        if self.steps == 0:
            self._model.theta(self._frame.theta)
        self.checks.place(self.steps, self._frame.theta)

    def count_epoch(self, row: Row) -> None:
        """Count the epoch of a row. Raises InputError if the script counts inconsistently."""
        self._epochs.count(row.epoch)
        if self._epochs.starts_at_zero and not self._has_noted_epochs:
            self._has_noted_epochs = True
            self._note("the training script counts epochs from 0; the run counts them from 1")

    def take(self, grads: Any) -> None:
        """Put theta, gradient, state and learning rates into the frame."""
        self._free_frame()
        k = self.steps
        if k < 3 or k & (k - 1) == 0 or not self._model.is_same_tree():  # the check is slow
            self.checks.model(k)
        frame = self._frame
        if k % self._every == 0:
            self._model.theta(frame.theta)
            if self._grad:
                self._take_gradient(frame.gradient, grads)
                self.checks.gradient(k, frame.gradient)
            frame.state[:] = self._before
        self._take_rates(frame)
        self.has_taken = True

    def send(self, row: Row) -> None:
        """Send the row that take() has put into the frame, with its numbers."""
        self.has_taken = False
        k, self.steps = self.steps, self.steps + 1
        if k % self._every == 0:
            rate = self._rate if row.learning_rate is None else row.learning_rate
            numbers = row.loss, row.accuracy, rate, row.full_loss, row.test_loss
            self._sent = self._frame
            self._write_frame(self._sent.row(k, numbers, self._epochs.now, row.examples))
        self._has_before = False
        if not self.checks.forwards:  # there is no hook for forward passes
            self._model.state(self._before)

    def _take_rates(self, frame: Frame) -> None:
        rates = [float(g["lr"]) for g in groups_of(self._optimizers)]
        if len(rates) != self._groups:
            self.warn(
                "groups",
                f"the optimizer has {len(rates)} parameter groups, and had {self._groups} when Recorder() was called; "
                "the header does not have the new ones",
            )
        self._rate = rates[0] if rates else None
        size = frame.rates.size
        if len(rates) >= size:
            frame.rates[:] = rates[:size]

    def _take_gradient(self, into: Vector, grads: Any = None) -> None:
        self._model.grad(into, grads)
        if self._scaler is None or not self._scaler.is_enabled() or not isinstance(self._model, TorchModel):
            return
        done = unscaled(self._scaler, self._optimizers)
        scale, at = np.float32(self._scaler.get_scale()), 0
        for t, p in zip(self._model.layout, self._model.tensors()):
            part = slice(at, at := at + math.prod(t["shape"]))
            if id(p) not in done:
                into[part] /= scale

    def check_update(self) -> None:
        """Check, before the update, that it uses the recorded gradient."""
        if self._grad and self.steps and (self.steps - 1) % self._every == 0:
            self.checks.used_gradient(self.steps, self._sent.gradient, self._gradient_now)

    def _gradient_now(self) -> Vector:
        now = np.empty_like(self._sent.gradient)
        self._take_gradient(now)
        return now

    def take_state(self, version: int) -> None:
        """Keep the statistics before the forward pass. version is that of the parameters."""
        checks = self.checks
        if not checks.forwards and not self.steps and not self.has_taken:
            self._free_frame()
            self._remember_start()
        if self._before.size and (not self._has_before or checks.moved or version != checks.version):
            self.guarded(None, self._model.state, self._before)
            self._has_before = True
        checks.forwards, checks.moved, checks.version = checks.forwards + 1, False, version

    def _remember_start(self) -> None:
        self._model.theta(self._frame.theta)
        self.checks.start = checksum_of(self._frame.theta)

    def _free_frame(self) -> None:
        """Wait until the frame of the next row may be filled."""
        assert self._ingest is not None
        if self._ingest.memory is None:
            self._ingest.wait()
        else:
            self._ingest.wait_for_slot()
            self._raise_error()

    # The end of the recording, and errors.

    def finish(self, full_loss: float | None, test_loss: float | None) -> None:
        """Send the last iterate and the end of the stream, and wait for the program."""
        if self.has_taken:
            self.warn(
                "loss",
                f"update {self.steps} has no loss, because recorder.step() was not called for it; "
                "the run ends before it",
            )
            self.leave("the recorder is closed")
            return
        self._free_frame()
        frame = self._frame
        last = self._sent.theta.copy() if self.steps and (self.steps - 1) % self._every == 0 else None
        theta = frame.theta
        self._model.theta(theta)
        if self.steps:
            frame.rates[:] = self._sent.rates  # no update follows, so no rate changes
        else:
            self._take_rates(frame)
        moved = last is None or not np.array_equal(last, theta, equal_nan=True)
        if self.checks.end(self.steps, moved, checksum_of(theta), self._rate):
            self._model.state(frame.state)
            numbers: Numbers = (None, None, None, full_loss, test_loss)
            self._write_frame(frame.last_row(self.steps, numbers, self._epochs.now))
        assert self._ingest is not None
        if self._ingest.memory is not None:
            self._ingest.announce(False)
        self._ingest.write(head(b"SGDE", 0, self._ingest.frames))
        self._raise_error()
        status, words, result = self._end("the recorder is closed")
        if status:
            raise RecorderError(words)
        recording = result.get("recording", {})
        if recording.get("dropped"):
            why = recording.get("error") or "they could not be written"
            self.warn("dropped", f"{recording['dropped']} of {result['frames']} rows were not recorded: {why}")

    def leave(self, why: str) -> None:
        """End the recording without an end of the stream, so that the run is marked as unfinished. Raise nothing."""
        if self._ingest is not None:
            status, words, _ = self._end(why)
            if status and "breaks off" not in words:
                self.warn("ended", words)

    def abandon(self) -> None:
        """Close the pipe in a forked child; the parent continues."""
        if self._ingest is not None:
            self._ingest.abandon()
            self._release()
        self._ingest, self.ended, self.on_error = None, "the recorder is closed", "raise"

    def _end(self, why: str) -> tuple[int, str, dict[str, Any]]:
        """Close the pipe and wait for the program."""
        assert self._ingest is not None
        ingest, self._ingest, self.ended = self._ingest, None, why
        self._release()
        self.on_end()
        return ingest.end()

    def _release(self) -> None:
        """Give up the memory of the frames, and everything that refers to it."""
        self._model.release()
        self._frames.clear()
        del self._sent

    def _write_frame(self, data: memoryview) -> None:
        """Send a frame. data are its bytes; if there is memory, they are in the slot."""
        assert self._ingest is not None
        if self._ingest.memory is None:
            self._ingest.write(data, is_frame=True)
        else:
            self._ingest.announce(True)
        self._raise_error()

    def _raise_error(self) -> None:
        assert self._ingest is not None
        error = self._ingest.error
        if error is not None:
            _, words, _ = self._end("the recording has ended")
            raise RecorderError(words or str(error))

    def guarded(self, instead: Any, call: Callable[..., Any], *args: Any) -> Any:
        """Make the call. With on_error="warn" an error ends the recording with a warning, and instead is returned."""
        if self.on_error == "raise":
            return call(*args)
        try:
            return call(*args)
        except Exception as e:
            self.leave("the recording has ended")
            self.warn("ended", f"the recording ends before step {self.steps}, and training continues: {e}")
            return instead

    def warn(self, about: str, text: str) -> None:
        """Warn once for each value of about, and keep the warning with the run."""
        if about not in self._warned:
            self._warned.add(about)
            self._note(text)
            warnings.warn(text, RecorderWarning, stacklevel=_level_of_script())

    def _note(self, text: str) -> None:
        """Send a note, which is kept with the run."""
        if self._ingest is not None:
            body = text.encode()
            self._ingest.write(head(b"SGDN", 0, 0, size=len(body)) + body)


def _level_of_script() -> int:
    """Return the stack level, for warnings.warn in the calling function, of the line of the
    user's script: the first one outside of this package, PyTorch and the standard library's wrappers."""
    own = (__package__ or __name__, "torch", "functools", "contextlib")
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in own:
        frame, level = frame.f_back, level + 1
    return level

"""Checks of the recorded gradients."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from .arrays import Vector
from .layout import Model
from .torch_model import TorchModel
from .words import listed


class GradientChecks:
    """Checks the gradients of the first steps.

    steps is the number of steps to look at; warn(about, text) is called for each problem.
    """

    def __init__(self, model: Model, steps: int, warn: Callable[[str, str], None]):
        self._model, self._steps, self._warn = model, steps, warn
        self._torch = model if isinstance(model, TorchModel) else None
        self._looks = 0
        self._idle: dict[str, int] = {}  # how often a tensor's gradient was 0
        self._same: dict[str, int] = {}  # how often it was that of the step before
        self._previous: Vector | None = None
        self._compared = -1  # the last step that compare has seen

    def look(self, step: int, grad: Vector) -> None:
        """Check that the parameters have a gradient, and that it differs from earlier steps."""
        if self._looks >= self._steps:
            return
        self._looks += 1
        trained = {t["name"] for t in self._model.layout}
        if self._torch:
            trained = self._with_gradient(step, self._torch)
        if not grad.any() and trained:
            self._warn(
                "zero",
                f"every gradient is 0 at step {step}. " "Call recorder.step() after backward(), and before zero_grad()",
            )
        at = 0
        for t in self._model.layout:
            part = slice(at, at := at + math.prod(t["shape"]))
            if t["name"] in trained:
                self._count(t["name"], grad[part], None if self._previous is None else self._previous[part])
        self._previous = grad.copy() if self._looks < self._steps else None
        if self._looks == self._steps:
            self.report()

    def _with_gradient(self, step: int, model: TorchModel) -> set[str]:
        """Return the names of the parameters that have a gradient. Warn of those that lack one."""
        trained, missing = set(model.trained()), model.without_gradient()
        if missing and len(missing) == len(trained):
            self._warn(
                "zero",
                f"no parameter has a gradient at step {step}; 0 is recorded. "
                "Call recorder.step() after backward(), and before zero_grad()",
            )
        elif missing:
            self._warn(
                "missing",
                f"parameters without a gradient (grad is None): {listed(missing)}. "
                "Their gradient is recorded as 0; are they part of the loss?",
            )
        return trained - set(missing)

    def _count(self, name: str, now: Vector, before: Vector | None) -> None:
        zero = not now.any()
        self._idle[name] = self._idle.get(name, 0) + zero
        if before is not None and not zero and np.array_equal(now, before):
            self._same[name] = self._same.get(name, 1) + 1

    def report(self) -> None:
        """Warn of tensors whose gradient was always 0, or always the same, at the first steps."""
        if not self._looks:
            return
        idle = [n for n, times in self._idle.items() if times == self._looks]
        same = [n for n, times in self._same.items() if times == self._looks > 1]
        first = f"at each of the first {self._looks} steps"
        if idle and len(idle) < len(self._idle):
            self._warn(
                "idle",
                f"parameters whose gradient was exactly 0 {first}: {listed(idle)}. Are they part of the loss?",
            )
        if same:
            self._warn(
                "same",
                f"parameters whose gradient was exactly the same {first}: {listed(same)}. "
                "Is recorder.step() called after backward(), and are gradients set to zero before it?",
            )

    def compare(self, step: int, recorded: Vector, used: Callable[[], Vector]) -> None:
        """Check that the update uses the recorded gradient, or this gradient with its norm clipped."""
        if step > self._steps or self._compared == step:
            return
        self._compared = step
        now = used()
        if np.array_equal(now, recorded, equal_nan=True) or not np.isfinite(recorded).all():
            return
        square = float(np.dot(recorded.astype(np.float64), recorded))
        ratio = float(np.dot(recorded.astype(np.float64), now)) / square if square else math.inf
        if not np.allclose(now, ratio * recorded, rtol=1e-3, atol=1e-6 * abs(ratio) * math.sqrt(square)):
            self._warn(
                "changed",
                "the gradient has changed between recorder.step() and optimizer.step(): "
                "call recorder.step() after the last backward(). "
                "If gradients are changed on purpose (clipping, noise, SAM), the run has those before the change",
            )
        elif ratio > 1 or ratio < 1 and math.frexp(ratio)[0] == 0.5:
            self._warn(
                "changed",
                f"the gradient at optimizer.step() is {ratio:.6g} times the recorded one. "
                "If a GradScaler scales the loss, pass it: Recorder(..., scaler=scaler)",
            )

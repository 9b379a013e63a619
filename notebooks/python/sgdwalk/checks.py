"""Checks that a recording matches the training."""

from __future__ import annotations

from typing import Any, Callable, Sequence


from .arrays import Vector, checksum_of
from .errors import RecorderError
from .gradient_checks import GradientChecks
from .layout import Model
from .optimizers import groups_of
from .torch_model import TorchModel
from .words import listed


class Checks:
    """Checks that the recording matches the training.

    warn(about, text) is called for each problem; it warns once for each value of about. The
    recorder counts forward passes and updates here, in forwards, updates and moved.
    """

    FIRST_STEPS = 3  # the slow checks run at this number of first steps

    def __init__(self, model: Model, optimizers: Sequence[Any], warn: Callable[[str, str], None]):
        self._model, self._optimizers, self._warn = model, optimizers, warn
        self._torch = model if isinstance(model, TorchModel) else None
        self._tensors = self._torch.tensors() if self._torch else []
        self._gradients = GradientChecks(model, self.FIRST_STEPS, warn)
        self.forwards = 0  # forward passes with gradients
        self.updates = 0
        self.moved = False  # an update came after the last forward pass
        self.version = 0  # of the parameters, at the last forward pass
        self._updates_at_step = 0
        self.start: int | None = None  # checksum of theta at the beginning

    def place(self, step: int, theta: Vector) -> None:
        """Check that recorder.step() is called between the forward pass and the update."""
        late = "Call recorder.step() before the update"
        if self._torch:
            late = (
                "Call recorder.step() after backward() and before optimizer.step(), "
                "or make the recorder with Recorder(...).attach()"
            )
        if self.forwards and self.moved:
            self._warn(
                "moved",
                "recorder.step() comes after optimizer.step(): "
                f"the recorded theta is no longer that of the loss and the gradient. {late}",
            )
        elif self._torch and self.forwards and step < self.FIRST_STEPS and self.version != self._torch.version():
            self._warn(
                "moved",
                "the parameters have changed between the forward pass and recorder.step(): "
                f"theta is no longer that of the loss. {late}",
            )
        if step == 0 and self._has_moved_before(theta):
            since = "the forward pass" if self.forwards else "Recorder()"
            self._warn(
                "moved",
                f"the parameters have changed between {since} and the first recorder.step(). "
                f"If an update changed them: {late[0].lower() + late[1:]}. If weights were loaded, all is well",
            )
        self._updates_at_step = self.updates

    def _has_moved_before(self, theta: Vector) -> bool:
        """Return whether theta may have moved before the first recorder.step()."""
        return not self.forwards and self.updates == 1 or not self.updates and checksum_of(theta) != self.start

    def model(self, step: int) -> None:
        """Check that the model has the same parameters as before, and that an optimizer updates them.

        Raises RecorderError when parameters were added, removed or tied, or have another shape.
        """
        changes = self._model.changes()
        if changes:
            raise RecorderError(
                f"the model has changed since Recorder() was called: {changes}. "
                "Call Recorder() when the model is complete"
            )
        if self._torch is None:
            return
        named = self._torch.parameters
        new = [n for (n, p), old in zip(named, self._tensors) if p is not old]
        if new:
            self._warn(
                f"replaced {new}",
                f"parameters replaced by new tensors since Recorder() was called: {listed(new)}. "
                f"The new ones are recorded from step {step} on",
            )
            self._tensors = [p for _, p in named]
        if self._optimizers:
            self._owners(named)
        changed = self._torch.changed_buffers() if step else []
        if changed:
            self._warn(
                "buffers",
                f"buffers that change during training and are not recorded: {listed(changed)}. "
                f"If the loss depends on them, pass state={changed[:2]}",
            )

    def _owners(self, named: Sequence[tuple[str, Any]]) -> None:
        """Check that the optimizers update exactly the parameters of the model."""
        owned = {id(p) for g in groups_of(self._optimizers) for p in g["params"]}
        lost = [n for n, p in named if p.requires_grad and id(p) not in owned]
        if lost:
            self._warn(
                f"lost {lost}",
                f"parameters that no optimizer of the recorder updates: {listed(lost)}. "
                "They require a gradient; pass every optimizer: Recorder(model, [first, second], ...)",
            )
        foreign = owned - {id(p) for _, p in named}
        if foreign and not lost:
            self._warn(
                "foreign",
                f"the optimizer also updates {len(foreign)} tensors that are not parameters of the model; "
                "they are not recorded",
            )

    def gradient(self, step: int, grad: Vector) -> None:
        """Check that the parameters have a gradient, and that it differs from earlier steps."""
        self._gradients.look(step, grad)

    def used_gradient(self, step: int, recorded: Vector, used: Callable[[], Vector]) -> None:
        """Check that the update uses the recorded gradient, or this gradient with its norm clipped."""
        self._gradients.compare(step, recorded, used)

    def end(self, step: int, moved: bool, checksum: int, rate: float | None) -> bool:
        """Return whether there was an update after the last step(), as far as the recorder knows.

        moved: theta differs from the last recorded one, or this is not known. checksum: of
        theta at the end. rate: the last learning rate.
        """
        self.model(step)
        self._gradients.report()
        if not step or moved:
            return True
        if self.updates:
            return self.updates != self._updates_at_step
        if checksum == self.start:
            why = "arrays have to be changed in place, or assigned to the dict"
            if self._torch:
                why = "does the optimizer have the parameters of this model?"
            self._warn("still", f"theta has not changed at all since Recorder() was called: {why}")
        elif rate != 0:
            self._warn("still", "theta has not changed after the last recorder.step(): is it called after the update?")
        return True

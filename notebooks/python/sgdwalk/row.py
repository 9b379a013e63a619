"""The numbers of one row, as the caller passes them to step()."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .errors import InputError
from .values import number, whole


@dataclass
class Row:
    """The numbers of one row. None means that the number is unknown."""

    loss: float | None
    epoch: int | None = None  # as the training script counts it
    accuracy: float | None = None  # 0 to 1
    learning_rate: float | None = None
    examples: int = 0
    full_loss: float | None = None
    test_loss: float | None = None
    grads: Mapping[str, Any] | None = None

    def checked(self) -> Row:
        """Return the row as Python numbers. Raises InputError if a type or a value is not allowed."""
        if self.loss is None:
            raise InputError("loss is None; it must be one number, the mean loss of the batch")
        return Row(
            loss=number("loss", self.loss),
            epoch=None if self.epoch is None else whole("epoch", self.epoch),
            accuracy=number("accuracy", self.accuracy, 0, 1),
            learning_rate=number("learning_rate", self.learning_rate, 0),
            examples=whole("examples", self.examples),
            full_loss=number("full_loss", self.full_loss),
            test_loss=number("test_loss", self.test_loss),
            grads=self.grads,
        )


class EpochCounter:
    """Turns the epochs of a training script, which count from 0 or from 1, into epochs from 1."""

    def __init__(self) -> None:
        self._first: int | None = None
        self.now = 1

    @property
    def starts_at_zero(self) -> bool:
        """Whether the training script counts from 0."""
        return self._first == 0

    def count(self, epoch: int | None) -> int:
        """Return the epoch of a row. Raises InputError if the script does not count from 0 or from 1 throughout."""
        if epoch is not None:
            if self._first is None:
                self._first = min(epoch, 1)
            if epoch < self._first:
                raise InputError("epoch is 0, and the first one was not; count epochs from 0 or from 1 throughout")
            self.now = epoch + 1 - self._first
        return self.now

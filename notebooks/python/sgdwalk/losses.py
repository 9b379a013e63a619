"""The numbers of the rows of a run, as a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array


class Losses(np.recarray):  # type: ignore[type-arg]
    """A structured array with one row for each row of the run.

    `losses["batch_loss"]` and `losses.batch_loss` are a column. The columns are step,
    substep, epoch, examples, evaluations, batch_loss, batch_accuracy, learning_rate,
    full_loss, test_loss (float64, NaN where the run has no number) and wall_time_ns
    (nanoseconds since 1970 UTC, 0 where no time was taken).
    """

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame of the same columns. It is a copy."""
        import pandas

        return pandas.DataFrame({name: np.asarray(self[name]) for name in self.dtype.names or ()})


def losses_of(columns: dict[str, Array]) -> Losses:
    """Return the table of some columns of equal length."""
    rows = len(next(iter(columns.values())))
    table = np.empty(rows, dtype=[(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table.view(Losses)

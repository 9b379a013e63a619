"""Record from PyTorch Lightning."""

from __future__ import annotations

import math
from typing import Any

from .errors import InputError
from .framework_callback import FrameworkCallback


class LightningCallback(FrameworkCallback):
    """Records every update of a Trainer of PyTorch Lightning.

        trainer = lightning.Trainer(callbacks=[sgdwalk.LightningCallback("run", grad=True)])

    It works with `lightning` and with `pytorch_lightning`, with automatic and with manual
    optimization. out and the options are those of Recorder.

    A row has theta before the update and the raw gradient: unscaled, and before Lightning clips
    it. Its batch loss is the loss of this gradient: the sum of the losses that Lightning
    differentiated for the update, which is the mean over the accumulated batches in automatic
    optimization, and the mean over the ranks. Rank 0 records.

    With several optimizers (manual optimization) one row is one round of them: it has the loss
    and the gradient at the first one's step. Of a closure that is evaluated several times (LBFGS)
    the first evaluation is recorded.

    When training_step returns None, there is a row only if the optimizer updates the parameters
    anyway, with gradient 0; its loss is NaN.

    A training that is resumed at step S is recorded in a new directory, out-from-S. After an
    exception the run is marked as unfinished.
    """

    _modules, _base = ("lightning.pytorch", "pytorch_lightning"), "Callback"
    _stepped: frozenset[int] = frozenset()  # the optimizers of the current round
    _last = -1  # the trainer's number of the last recorded update

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if getattr(trainer.strategy, "handles_gradient_accumulation", False):
            raise InputError(
                f"the strategy {type(trainer.strategy).__name__} makes the updates itself, "
                "so that LightningCallback cannot see them; use another strategy"
            )
        self._stepped, self._last = frozenset(), -1
        self._begin(
            pl_module,
            trainer.optimizers,
            trainer.global_step,
            scaler=self._scaler(trainer),
            rank=trainer.global_rank,
            epochs=max(trainer.max_epochs or 0, 0),
        )

    def on_before_zero_grad(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self._losses.clear()

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        self._losses.append(loss.detach())

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any, *_: Any) -> None:
        had_losses, loss = bool(self._losses), self._loss()
        if self._recorder is None or trainer.global_step == self._last:
            return  # a further evaluation of the closure
        self._last = trainer.global_step
        if self._stepped and id(optimizer) not in self._stepped:
            self._stepped |= {id(optimizer)}
            return
        self._stepped = frozenset({id(optimizer)})
        scaler = self._scaler(trainer)
        if not had_losses:
            if not pl_module.automatic_optimization:
                raise InputError("an update has no loss; call self.manual_backward(loss) and not loss.backward()")
            if scaler is not None or all(p.grad is None for g in optimizer.param_groups for p in g["params"]):
                return  # training_step returned None, and there is no update
            loss = math.nan  # there is one with gradient 0: momentum and weight decay
        elif scaler is not None:
            loss /= scaler.get_scale()  # Lightning passes the scaled loss
        if trainer.world_size > 1:
            import torch

            mean = trainer.strategy.reduce(torch.tensor(loss, device=pl_module.device), reduce_op="mean")
            loss = float(mean)
        self._recorder.step(loss, epoch=trainer.current_epoch + 1)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self._end(exception)

    def _scaler(self, trainer: Any) -> Any:
        """Return the GradScaler of mixed precision, or None."""
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        return scaler if scaler is not None and scaler.is_enabled() else None

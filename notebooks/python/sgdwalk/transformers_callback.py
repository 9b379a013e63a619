"""Record from the Trainer of Hugging Face."""

from __future__ import annotations

import functools
import os
from typing import Any

from .errors import InputError, RecorderError
from .framework_callback import FrameworkCallback


class TransformersCallback(FrameworkCallback):
    """Records every update of a Trainer of Hugging Face transformers.

        trainer = Trainer(model, args, train_dataset=data)
        trainer.add_callback(sgdwalk.TransformersCallback(trainer, "run", grad=True))
        trainer.train()

    out and the options are those of Recorder. The callback needs the trainer, because the Trainer
    passes neither the loss nor the gradient before clipping to its callbacks. During train() it
    observes trainer.training_step, which computes the loss and its gradient for one batch.

    A row has theta before the update and the raw gradient: unscaled, and before the Trainer clips
    it (max_grad_norm is 1 unless you change it). Its batch loss is the sum of what training_step
    returned for the batches of the update, which is the number that the Trainer logs, before it
    averages over updates; with several processes it is the mean over them. Rank 0 records.

    A training that is resumed at step S is recorded in a new directory, out-from-S. With
    load_best_model_at_end the last row has the end of training and not the best checkpoint.
    """

    _modules, _base = ("transformers",), "TrainerCallback"

    def __init__(self, trainer: Any, out: str | os.PathLike[str], **options: Any):
        super().__init__(out, **options)
        if not callable(getattr(trainer, "training_step", None)):
            raise InputError(f"trainer is a {type(trainer).__name__}; it must be a Trainer of transformers")
        self._trainer = trainer
        self._epoch: int | None = None
        self._last: list[Any] = []  # the parameters and buffers at the end of the epoch
        self._unwatch: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        accelerator = self._trainer.accelerator
        kind = str(accelerator.distributed_type).rsplit(".", 1)[-1]
        if kind in ("DEEPSPEED", "FSDP", "MEGATRON_LM"):
            raise InputError(f"with {kind} no process has the whole gradient; TransformersCallback cannot record it")
        self._begin(
            kwargs["model"],
            kwargs["optimizer"],
            state.global_step,
            scaler=getattr(accelerator, "scaler", None),
            rank=accelerator.process_index,
            steps=max(state.max_steps - state.global_step, 0),
            epochs=state.num_train_epochs,
        )
        self._epoch = None
        self._watch()

    def _watch(self) -> None:
        """Observe the results of trainer.training_step."""
        if self._unwatch is not None:
            self._unwatch()
        trainer, original = self._trainer, self._trainer.training_step
        was = vars(trainer).get("training_step")

        @functools.wraps(original)
        def training_step(*args: Any, **kwargs: Any) -> Any:
            try:
                loss = original(*args, **kwargs)
            except BaseException as e:
                if self._has_rows:  # otherwise the next attempt, with a smaller batch, uses the directory
                    self._end(e)
                raise
            self._losses.append(loss.detach())
            if trainer.accelerator.sync_gradients:  # this batch is the last one of the update
                self._record()
            return loss

        def unwatch() -> None:
            del trainer.training_step
            if was is not None:
                trainer.training_step = was
            self._unwatch = None

        trainer.training_step, self._unwatch = training_step, unwatch

    def _record(self) -> None:
        loss, accelerator = self._loss(), self._trainer.accelerator
        if accelerator.num_processes > 1:
            import torch

            loss = float(accelerator.reduce(torch.tensor(loss, device=accelerator.device), reduction="mean"))
        if self._recorder is not None:
            self._recorder.step(loss, epoch=self._epoch)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._epoch = int(state.epoch or 0) + 1 if self._epoch is None else self._epoch + 1

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._losses:
            raise RecorderError(
                f"update {state.global_step} was not recorded, because the Trainer did not announce "
                "the last batch of the update; use transformers 4.46 or newer"
            )

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if args.load_best_model_at_end and self._recorder is not None:
            model = kwargs["model"]
            self._last = [t.detach().clone() for t in (*model.parameters(), *model.buffers())]

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._unwatch is not None:
            self._unwatch()
        if not self._last:
            self._end()
            return
        model = kwargs["model"]  # it has the best checkpoint now
        _exchange((*model.parameters(), *model.buffers()), self._last)
        self._end()
        _exchange((*model.parameters(), *model.buffers()), self._last)
        self._last = []


def _exchange(tensors: Any, others: Any) -> None:
    """Exchange the values of two lists of tensors."""
    import torch

    with torch.no_grad():
        for a, b in zip(tensors, others):
            kept = a.clone()
            a.copy_(b)
            b.copy_(kept)

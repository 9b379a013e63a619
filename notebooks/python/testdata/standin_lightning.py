"""A stand-in for PyTorch Lightning: the order in which its Trainer calls hooks, and nothing else.

It follows these files of Lightning 2 (Lightning-AI/pytorch-lightning, folder src/lightning/pytorch):
    loops/fit_loop.py 0277e31, loops/training_epoch_loop.py 017bff9: epochs, batches, accumulation
    loops/optimization/automatic.py 0407e84, loops/optimization/manual.py 063c70e: closures, counters
    core/optimizer.py 014994a: the wrapper of an optimizer
    strategies/strategy.py 01aa6bd, plugins/precision/precision.py 2f09e74, plugins/precision/amp.py 0166e1f:
        backward, optimizer_step, clipping, scaling
    trainer/trainer.py 000699b, trainer/call.py 021e6b1: resuming, exceptions
    trainer/connectors/callback_connector.py 017d8f0, utilities/model_helpers.py 19df72b: callbacks must be Callbacks
It was written from them; it has none of their code. install(name) makes it importable under that name.
"""

import sys
import types

import torch
from torch import nn

HOOKS = """setup teardown on_fit_start on_fit_end on_sanity_check_start on_sanity_check_end on_train_batch_start
on_train_batch_end on_train_epoch_start on_train_epoch_end on_train_start on_train_end on_validation_start
on_validation_end on_exception on_save_checkpoint on_load_checkpoint on_before_backward on_after_backward
on_before_optimizer_step on_before_zero_grad""".split()


def install(name):
    """Register a module of this name, with its own Callback, LightningModule and Trainer."""
    module = types.ModuleType(name)
    nothing = lambda self, *args, **kwargs: None
    callback = {hook: nothing for hook in HOOKS}
    callback.update(state_key=property(lambda self: type(self).__qualname__), state_dict=lambda self: {})
    module.Callback = type("Callback", (), callback)
    module.LightningModule = type("LightningModule", (_Module,), {})
    module.Trainer = type("Trainer", (_Trainer,), {"callback_class": module.Callback})
    sys.modules[name] = module
    return module


class _Module(nn.Module):
    automatic_optimization = True
    device = torch.device("cpu")
    trainer = None

    def optimizers(self):
        several = self.trainer.strategy.wrapped
        return several if len(several) > 1 else several[0]

    def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure):
        return optimizer.step(optimizer_closure)

    def manual_backward(self, loss):
        self.trainer.strategy.backward(loss)


class _Optimizer:
    """What LightningModule.optimizers() returns: an optimizer whose step() goes through the strategy."""

    def __init__(self, optimizer, trainer):
        self.optimizer, self._trainer = optimizer, trainer

    param_groups = property(lambda self: self.optimizer.param_groups)

    def zero_grad(self):
        self.optimizer.zero_grad()

    def step(self, closure=None):
        result = self._trainer.precision_plugin.optimizer_step(self.optimizer, closure or (lambda: None))
        if not self._trainer.module.automatic_optimization:
            self._trainer.global_step += 1
        return result


class _Precision:
    """The plugin of full precision."""

    def __init__(self, trainer):
        self.trainer = trainer

    def scaled(self, loss):
        return loss

    def optimizer_step(self, optimizer, closure):
        def with_hooks():
            result = closure()
            self.after_closure(optimizer)
            return result

        return optimizer.step(closure=with_hooks)

    def after_closure(self, optimizer):
        trainer = self.trainer
        trainer.call("on_before_optimizer_step", optimizer)
        if trainer.module.automatic_optimization and trainer.gradient_clip_val:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, trainer.gradient_clip_val)


class _MixedPrecision(_Precision):
    """The plugin of "16-mixed"."""

    def __init__(self, trainer, scaler):
        super().__init__(trainer)
        self.scaler = scaler

    def scaled(self, loss):
        return self.scaler.scale(loss)

    def optimizer_step(self, optimizer, closure):
        result = closure()
        self.scaler.unscale_(optimizer)
        self.after_closure(optimizer)
        if not self.trainer.module.automatic_optimization or result is not None:
            result = self.scaler.step(optimizer)
            self.scaler.update()
        return result


class _Strategy:
    handles_gradient_accumulation = False

    def __init__(self, trainer):
        self.trainer, self.wrapped, self.reduced = trainer, [], []

    def backward(self, loss):
        loss = self.trainer.precision_plugin.scaled(loss)
        self.trainer.call("on_before_backward", loss)
        loss.backward()
        self.trainer.call("on_after_backward")

    def reduce(self, tensor, reduce_op):
        assert reduce_op == "mean"
        self.reduced.append(tensor.item())
        return tensor + self.trainer.other_loss if self.trainer.world_size > 1 else tensor


class _Trainer:
    callback_class = None
    other_loss = 0.0  # what the mean over ranks adds to the loss of this rank

    def __init__(
        self,
        callbacks=(),
        max_epochs=1,
        accumulate_grad_batches=1,
        gradient_clip_val=None,
        scaler=None,
        rank=0,
        world_size=1,
    ):
        for callback in callbacks:
            if not isinstance(callback, self.callback_class):
                raise ValueError("Expected a parent")
        self.callbacks, self.max_epochs = list(callbacks), max_epochs
        self.accumulate_grad_batches, self.gradient_clip_val = accumulate_grad_batches, gradient_clip_val
        self.precision_plugin = _MixedPrecision(self, scaler) if scaler else _Precision(self)
        self.strategy, self.global_rank, self.world_size = _Strategy(self), rank, world_size
        self.global_step = self.current_epoch = 0

    def call(self, hook, *args):
        for callback in self.callbacks:
            getattr(callback, hook)(self, self.module, *args)

    def fit(self, module, batches, resumed=None):
        """Train. resumed: a checkpoint, a dict with state_dict, optimizer_states, global_step and epoch."""
        self.module, module.trainer = module, self
        try:
            self._fit(module, batches, resumed)
        except BaseException as e:
            self.call("on_exception", e)
            raise

    def _fit(self, module, batches, resumed):
        self.call("setup", "fit")
        if resumed:
            module.load_state_dict(resumed["state_dict"])
        made = module.configure_optimizers()
        self.optimizers = list(made) if isinstance(made, (list, tuple)) else [made]
        self.strategy.wrapped = [_Optimizer(o, self) for o in self.optimizers]
        self.call("on_fit_start")
        if resumed:
            for optimizer, state in zip(self.optimizers, resumed["optimizer_states"]):
                optimizer.load_state_dict(state)
            self.global_step, self.current_epoch = resumed["global_step"], resumed["epoch"]
        if hasattr(module, "validation_step"):
            self.call("on_sanity_check_start")
            self._validate(module, batches[:1])
            self.call("on_sanity_check_end")
        module.train()
        self.call("on_train_start")
        for self.current_epoch in range(self.current_epoch, self.max_epochs):
            self.call("on_train_epoch_start")
            for i, batch in enumerate(batches):
                self.call("on_train_batch_start", batch, i)
                outputs = self._batch(module, batch, i, i + 1 == len(batches))
                self.call("on_train_batch_end", outputs, batch, i)
            if hasattr(module, "validation_step"):
                self._validate(module, batches)
            self.call("on_train_epoch_end")
        self.call("on_train_end")
        self.call("on_fit_end")
        self.call("teardown", "fit")

    def _validate(self, module, batches):
        module.eval()
        with torch.no_grad():
            for i, batch in enumerate(batches):
                module.validation_step(batch, i)
        module.train()

    def _batch(self, module, batch, i, is_last):
        if not module.automatic_optimization:
            return module.training_step(batch, i)
        optimizer = self.strategy.wrapped[0]
        zero = i % self.accumulate_grad_batches == 0

        @torch.enable_grad()
        def closure():
            loss = module.training_step(batch, i)
            if loss is not None:
                loss = loss / self.accumulate_grad_batches
            if zero:
                self.call("on_before_zero_grad", optimizer.optimizer)
                optimizer.optimizer.zero_grad()
            if loss is not None:
                self.strategy.backward(loss)
            return None if loss is None else loss.detach().clone()

        if (i + 1) % self.accumulate_grad_batches and not is_last:
            return closure()
        result = module.optimizer_step(self.current_epoch, i, optimizer, closure)
        self.global_step += 1
        return result

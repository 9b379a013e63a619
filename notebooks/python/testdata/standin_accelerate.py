"""A stand-in for Hugging Face accelerate: the order of prepare, accumulate, backward, clipping and step.

It follows these files of accelerate 1 (huggingface/accelerate, folder src/accelerate):
    accelerator.py: prepare, accumulate, backward (divides by the number of accumulated batches, then scales),
        clip_grad_norm_ (unscales first), reduce, unwrap_model
    optimizer.py 03e6d67: AcceleratedOptimizer, an Optimizer without the state of one; it steps and sets gradients
        to zero only when gradients are synchronized, through the scaler if there is one
It was written from them; it has none of their code.
"""

import contextlib

import torch
from torch import nn


class AcceleratedOptimizer(torch.optim.Optimizer):
    def __init__(self, optimizer, accelerator):  # does not call that of Optimizer
        self.optimizer, self.accelerator = optimizer, accelerator

    state = property(lambda self: self.optimizer.state)
    defaults = property(lambda self: self.optimizer.defaults)
    param_groups = property(lambda self: self.optimizer.param_groups)

    def zero_grad(self, set_to_none=None):
        if self.accelerator.sync_gradients:
            self.optimizer.zero_grad(set_to_none=bool(set_to_none))

    def step(self, closure=None):
        if not self.accelerator.sync_gradients:
            return
        scaler = self.accelerator.scaler
        if scaler is None:
            self.optimizer.step(closure)
        else:
            scaler.step(self.optimizer, closure)
            scaler.update()


class AcceleratedScheduler:
    """Steps with the optimizer."""

    def __init__(self, scheduler, accelerator):
        self.scheduler, self.accelerator = scheduler, accelerator

    def step(self):
        if self.accelerator.sync_gradients:
            self.scheduler.step()


class Accelerator:
    device = torch.device("cpu")
    distributed_type = "DistributedType.NO"

    def __init__(self, gradient_accumulation_steps=1, scaler=None, process_index=0, num_processes=1):
        self.gradient_accumulation_steps, self.scaler = gradient_accumulation_steps, scaler
        self.process_index, self.num_processes = process_index, num_processes
        self.sync_gradients, self._batches, self._optimizers = True, 0, []

    def prepare(self, *things):
        return tuple(map(self._prepare, things))

    def _prepare(self, thing):
        if isinstance(thing, nn.Module):
            return nn.DataParallel(thing)  # as it wraps a model for several processes; without a GPU it calls the model
        if isinstance(thing, torch.optim.Optimizer):
            self._optimizers.append(AcceleratedOptimizer(thing, self))
            return self._optimizers[-1]
        return AcceleratedScheduler(thing, self) if hasattr(thing, "get_last_lr") else thing

    def unwrap_model(self, model):
        return model.module if isinstance(model, nn.DataParallel) else model

    @contextlib.contextmanager
    def accumulate(self, model):
        self._batches += 1
        self.sync_gradients = self._batches % self.gradient_accumulation_steps == 0
        yield

    def backward(self, loss):
        loss = loss / self.gradient_accumulation_steps
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def clip_grad_norm_(self, parameters, max_norm):
        if self.scaler is not None:
            for optimizer in self._optimizers:
                self.scaler.unscale_(optimizer.optimizer)
        return nn.utils.clip_grad_norm_(list(parameters), max_norm)

    def reduce(self, tensor, reduction):
        assert reduction == "mean"
        return tensor + 0.25 if self.num_processes > 1 else tensor

"""A stand-in for torch.cuda.amp.GradScaler that works without a GPU.

It has the methods and the states of torch/cuda/amp/grad_scaler.py of PyTorch 1.13, and its rules: gradients are
unscaled once for each update, and an update is skipped when one of them is not finite.
"""

import collections
import enum

import torch


class Stage(enum.Enum):
    READY, UNSCALED, STEPPED = range(3)


class Scaler:
    def __init__(self, scale=1024.0, overflows=0):
        """overflows: so many gradients at the beginning are infinite, as those of too large a scale."""
        self._scale, self._enabled, self._overflows = torch.tensor(scale), True, overflows
        self._forget()

    def _forget(self):
        self._per_optimizer_states = collections.defaultdict(lambda: {"stage": Stage.READY, "finite": True})

    def is_enabled(self):
        return self._enabled

    def get_scale(self):
        return self._scale.item()

    def scale(self, loss):
        scaled = loss * self._scale
        if self._overflows:
            self._overflows -= 1
            scaled.register_hook(lambda gradient: gradient * float("inf"))
        return scaled

    def unscale_(self, optimizer):
        state = self._per_optimizer_states[id(optimizer)]
        assert state["stage"] is Stage.READY, "unscale_() has already been called on this optimizer"
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.mul_(1 / self._scale)
                    state["finite"] &= bool(torch.isfinite(p.grad).all())
        state["stage"] = Stage.UNSCALED

    def step(self, optimizer, *args, **kwargs):
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is Stage.READY:
            self.unscale_(optimizer)
        state["stage"] = Stage.STEPPED
        return optimizer.step(*args, **kwargs) if state["finite"] else None

    def update(self):
        if not all(state["finite"] for state in self._per_optimizer_states.values()):
            self._scale = self._scale / 2
        self._forget()

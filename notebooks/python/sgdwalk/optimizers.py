"""The optimizers of PyTorch: their settings, and hooks around their updates."""

from __future__ import annotations

import functools
import types
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from .errors import InputError


def optimizers_of(optimizer: Any) -> list[Any]:
    """Return the list of optimizers, given None, one optimizer or several, without wrappers.

    The wrappers of accelerate and Lightning hold the torch optimizer, and it makes the updates.
    """
    if optimizer is None:
        return []
    several = list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    for i, o in enumerate(several):
        while hasattr(getattr(o, "optimizer", None), "param_groups"):
            o = several[i] = o.optimizer
    for o in several:
        if not (hasattr(o, "param_groups") and callable(getattr(o, "step", None))):
            raise InputError(f"optimizer is a {type(o).__name__}; it must be a torch optimizer, or a list of them")
    return several


def groups_of(optimizers: Sequence[Any]) -> list[Any]:
    """Return the parameter groups of all optimizers."""
    return [group for o in optimizers for group in o.param_groups]


def unscaled(scaler: Any, optimizers: Sequence[Any]) -> set[int]:
    """Return the ids of the parameters whose gradients the scaler has unscaled for the next update."""
    done = set()
    for o in optimizers:
        stage = scaler._per_optimizer_states[id(o)]["stage"]
        if stage.name != "READY":
            done |= {id(p) for g in o.param_groups for p in g["params"]}
    return done


def describe_optimizers(optimizers: Sequence[Any]) -> dict[str, Any]:
    """Describe the optimizers for the header: the name, and every numeric setting.

    Settings of further parameter groups that differ from the first group have the number
    of their group as a suffix, as in learning_rate_group_1.
    """
    numbers: dict[str, float] = {}
    names = list(dict.fromkeys(_rule(o, g) for o in optimizers for g in o.param_groups))
    for i, group in enumerate(groups_of(optimizers)):
        for key, value in _settings(group).items():
            if i == 0:
                numbers[key] = value
            elif value != numbers.get(key):
                numbers[f"{key}_group_{i}"] = value
    return {"name": "+".join(names), "hyperparameters": numbers}


def describe_groups(optimizers: Sequence[Any], parameters: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return the rule, the settings and the tensors of each parameter group, for the header."""
    names = {id(p): n for n, p in parameters}
    return [
        {
            "optimizer": {"name": _rule(o, g), "hyperparameters": _settings(g)},
            "tensors": [names[id(p)] for p in g["params"] if id(p) in names],
        }
        for o in optimizers
        for g in o.param_groups
    ]


def _rule(optimizer: Any, group: Mapping[str, Any]) -> str:
    """Return the name of the update rule of a parameter group."""
    name = type(optimizer).__name__.lower()
    if name == "sgd":
        name = "nesterov" if group.get("nesterov") else "momentum" if group.get("momentum") else "sgd"
    if group.get("amsgrad"):
        name = "amsgrad" if name == "adam" else f"{name}_amsgrad"  # another rule
    return name


def _settings(group: Mapping[str, Any]) -> dict[str, float]:
    """Return the finite numbers of a parameter group. initial_lr belongs to a scheduler, and
    a dampening of 0 is the same as no dampening, so both are left out."""
    numbers: dict[str, float] = {}
    for key, value in group.items():
        flag = isinstance(value, bool) and key != "centered"
        if key == "betas":
            numbers["beta1"], numbers["beta2"] = map(float, value)
        elif key == "lr":  # which may be a tensor
            numbers["learning_rate"] = float(value)
        elif isinstance(value, (int, float)) and not flag and np.isfinite(value):
            numbers["epsilon" if key == "eps" else key] = float(value)
    numbers.pop("initial_lr", None)
    if numbers.get("dampening") == 0:
        del numbers["dampening"]
    return numbers


def watch_updates(optimizer: Any, before: Callable[[Any], Any], after: Callable[[], None]) -> Callable[[], None]:
    """Call before(closure) and after() around every optimizer.step(). The returned function removes these calls.

    before returns the closure to use. PyTorch before 2.0 has no hooks for this; there the
    method step of this one optimizer is replaced.
    """
    if not hasattr(optimizer, "register_step_pre_hook"):
        return _wrap_step(optimizer, before, after)

    def pre(_: Any, args: Any, kwargs: Any) -> Any:
        rest = args[1:]  # the first one is the optimizer
        changed = _with_closure(before, rest, kwargs)
        return None if changed[0] is rest and changed[1] is kwargs else ((args[0], *changed[0]), changed[1])

    handles = [
        optimizer.register_step_pre_hook(pre),
        optimizer.register_step_post_hook(lambda *_: after()),
    ]

    def remove() -> None:
        for handle in handles:
            handle.remove()

    return remove


def _wrap_step(optimizer: Any, before: Callable[[Any], Any], after: Callable[[], None]) -> Callable[[], None]:
    original = optimizer.step

    @functools.wraps(getattr(original, "__func__", original))
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = _with_closure(before, args, kwargs)
        result = original(*args, **kwargs)
        after()
        return result

    had = optimizer.__dict__.get("step")
    optimizer.step = ours = types.MethodType(step, optimizer)  # a method, as learning rate schedulers expect

    def remove() -> None:
        if optimizer.__dict__.get("step") is ours:
            del optimizer.step
            if had is not None:
                optimizer.step = had

    return remove


def _with_closure(before: Callable[[Any], Any], args: Any, kwargs: Any) -> Any:
    """Return the arguments of optimizer.step() with the closure that before returns."""
    if args and callable(args[0]):
        return (before(args[0]), *args[1:]), kwargs
    if callable(kwargs.get("closure")):
        return args, {**kwargs, "closure": before(kwargs["closure"])}
    before(None)
    return args, kwargs

"""Multiply the Hessian of a loss of a torch module by vectors."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator, Mapping, Sequence

from .errors import InputError, SgdwalkError
from .values import scalar
from .words import described


class NoProductError(SgdwalkError):
    """The Hessian of a loss cannot be multiplied by vectors."""


class HessianProducts:
    """Multiplies the Hessian by directions, by differentiating the gradient once more.

    used are the parameters that require a gradient. Each direction has one tensor for each of
    them. sums has the products, in the same form; the products of the pieces of the loss are
    added up, so that a loss_fn may call backward() batch by batch.
    """

    def __init__(self, used: Sequence[Any], directions: Sequence[Sequence[Any]]):
        import torch

        self._torch, self._used, self._directions = torch, used, directions
        self.sums = [[torch.zeros_like(p) for p in used] for _ in directions]
        self._gradient = [torch.zeros_like(p) for p in used]
        self._pieces = 0

    def run(self, loss_fn: Callable[[Any], Any], module: Any) -> None:
        """Evaluate the loss and add its products to sums. Raises NoProductError if that is not possible."""
        torch = self._torch
        with torch.enable_grad(), twice_differentiable():
            with replaced(torch.autograd, backward=self._backward):
                result = loss_fn(module)
            if not self._pieces:
                self._backward(differentiable(result))
            elif not all(self._is_kept(p, total) for p, total in zip(self._used, self._gradient)):
                raise NoProductError("loss_fn changes the gradients after backward()")

    def _is_kept(self, p: Any, total: Any) -> bool:
        """Return whether the gradient of a parameter is still the sum of the pieces."""
        return bool(self._torch.equal(total, self._torch.zeros_like(p) if p.grad is None else p.grad))

    def _backward(
        self,
        tensors: Any,
        grad_tensors: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        grad_variables: Any = None,
        inputs: Any = None,
    ) -> None:
        """Replace torch.autograd.backward(): add the gradient and the products of one piece of the loss."""
        if inputs is not None:
            raise NoProductError("loss_fn calls backward() with inputs")
        self._pieces += 1
        torch, used = self._torch, self._used
        outputs = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)
        weights = grad_tensors
        if grad_tensors is not None:
            weights = [grad_tensors] if isinstance(grad_tensors, torch.Tensor) else list(grad_tensors)
        first = torch.autograd.grad(outputs, used, weights, create_graph=True, allow_unused=True)
        for p, total, g in zip(used, self._gradient, first):
            if g is not None:
                total += g.detach()
                p.grad = g.detach().clone() if p.grad is None else p.grad + g.detach()
        for k, (direction, into) in enumerate(zip(self._directions, self.sums)):
            pairs = [(g, v) for g, v in zip(first, direction) if g is not None and g.requires_grad]
            if not pairs:
                continue  # the loss is linear in the parameters that it uses
            keep = bool(retain_graph) or k + 1 < len(self.sums)
            slopes, along = [g for g, _ in pairs], [v for _, v in pairs]
            second = torch.autograd.grad(slopes, used, along, retain_graph=keep, allow_unused=True)
            for total, h in zip(into, second):
                if h is not None:
                    total += h


def differentiable(result: Any) -> Any:
    """Return the loss from the result of loss_fn. Raises InputError if it has no gradient."""
    loss = result["loss"] if isinstance(result, Mapping) else result
    try:
        scalar("loss", loss)
    except InputError:
        raise not_a_number("loss", loss) from None
    if not getattr(loss, "requires_grad", False):
        raise InputError(
            f"a gradient is needed, and the loss has none: loss_fn returned {described(loss)} and called no "
            "backward(); return the loss as a tensor, without item(), detach() and no_grad()"
        )
    return loss


def not_a_number(name: str, value: Any) -> InputError:
    """Return the error about a result of loss_fn that is not a number."""
    return InputError(
        f'loss_fn returned {described(value)} as {name!r}; it must return one number, or a dict with "loss"'
    )


@contextlib.contextmanager
def replaced(owner: Any, **attributes: Any) -> Iterator[None]:
    """Replace attributes of a module while the context is active."""
    before = {name: getattr(owner, name) for name in attributes}
    try:
        for name, value in attributes.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)


@contextlib.contextmanager
def twice_differentiable() -> Iterator[None]:
    """Turn off the functions that PyTorch cannot differentiate twice: checkpoints that
    compute a piece again, and fused attention."""
    import torch.utils.checkpoint as checkpoint

    class Direct:
        @staticmethod
        def apply(function: Any, preserve_rng_state: bool, *args: Any) -> Any:
            return function(*args)

    def direct(function: Any, preserve_rng_state: bool = True, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    with contextlib.ExitStack() as stack:
        for name, value in (("CheckpointFunction", Direct), ("_checkpoint_without_reentrant", direct)):
            if hasattr(checkpoint, name):
                stack.enter_context(replaced(checkpoint, **{name: value}))
        try:
            from torch.nn.attention import SDPBackend, sdpa_kernel

            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        except ImportError:
            pass
        yield

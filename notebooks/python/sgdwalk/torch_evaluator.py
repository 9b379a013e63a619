"""Evaluate a loss of a torch module, its gradient and products with its Hessian."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

from .arrays import Vector
from .errors import InputError
from .layers import real
from .torch_hessian import HessianProducts, NoProductError, differentiable, replaced
from .torch_model import TorchModel


class TorchEvaluator(TorchModel):
    """A torch module together with what the analyses ask of its loss.

    The caller sets the parameters with put() before each call.
    """

    can_multiply = True

    def evaluate(self, loss_fn: Callable[[Any], Any], module: Any, grad: Vector | None) -> tuple[Any, list[str]]:
        """Call loss_fn, and put the gradient into grad unless grad is None.

        Returns the result of loss_fn, and the names of the parameters without a gradient.
        """
        if grad is None:
            with self._torch.no_grad():
                return loss_fn(module), []
        module.zero_grad(set_to_none=True)
        backward, calls = self._torch.autograd.backward, []

        def counted(*args: Any, **kwargs: Any) -> None:
            calls.append(1)
            backward(*args, **kwargs)

        with self._torch.enable_grad(), replaced(self._torch.autograd, backward=counted):
            result = loss_fn(module)
        if not calls:  # otherwise loss_fn has called backward() itself, perhaps batch by batch
            backward(differentiable(result))
        elif all(p.grad is None for p in self.tensors()):
            raise InputError("loss_fn called backward(), and no parameter has a gradient after it")
        self.grad(grad)
        return result, [n for n, p in self.parameters if p.grad is None]

    def multiply(
        self, loss_fn: Callable[[Any], Any], module: Any, vectors: Sequence[Vector], products: Sequence[Vector]
    ) -> None:
        """Multiply the Hessian by vectors, and write the products. Raises NoProductError if that is not possible."""
        tensors = self.tensors()
        if any(p.is_complex() for p in tensors):
            raise NoProductError("the model has complex parameters")
        used = [p for p in tensors if p.requires_grad]
        hessian = HessianProducts(
            used,
            [[v.to(p) for v, p in zip(self._views(vector, tensors), tensors) if p.requires_grad] for vector in vectors],
        )
        module.zero_grad(set_to_none=True)
        hessian.run(loss_fn, module)
        for product, parts in zip(products, hessian.sums):
            rest = iter(parts)
            self._gather(product, [next(rest) if p.requires_grad else self._torch.zeros_like(p) for p in tensors])
        module.zero_grad(set_to_none=True)

    def named(self, vector: Vector) -> dict[str, Any]:
        """Return a vector as tensors by name, for the caller's hvp."""
        views = self._views(vector, [real(p.detach()) for p in self.tensors()])
        return {
            n: self._torch.view_as_complex(v.clone()).to(p) if p.is_complex() else v.to(p)
            for v, (n, p) in zip(views, self.parameters)
        }

    def flat(self, product: Mapping[str, Any], into: Vector) -> None:
        """Write the result of the caller's hvp into a vector."""
        tensors = []
        for n, p in self.parameters:
            t = product.get(n)
            if t is not None and tuple(t.shape) != tuple(p.shape):
                raise InputError(
                    f"hvp returned {n!r} with the shape {list(t.shape)}; the parameter has {list(p.shape)}"
                )
            tensors.append(real(self._torch.zeros_like(p) if t is None or not p.requires_grad else t.detach()))
        self._gather(into, tensors)

"""Evaluate a loss of a model that is a dict of arrays."""

from __future__ import annotations

from typing import Any, Callable, Mapping

import numpy as np

from .array_model import ArrayModel
from .arrays import Array, Vector
from .errors import InputError


class ArrayEvaluator(ArrayModel):
    """A dict of arrays together with what the analyses ask of its loss.

    The caller sets the parameters with put() before each call. Gradients come from loss_fn;
    products with the Hessian come only from the caller's hvp.
    """

    can_multiply = False

    def evaluate(self, loss_fn: Callable[[Any], Any], model: Any, grad: Vector | None) -> tuple[Any, list[str]]:
        """Call loss_fn, and put the gradient into grad unless grad is None.

        Returns the result of loss_fn, and the names of the parameters without a gradient.
        """
        result = loss_fn(model)
        if grad is None:
            return result, []
        if not isinstance(result, Mapping) or "grads" not in result:
            raise InputError('a gradient is wanted: loss_fn must return {"loss": loss, "grads": {name: array}}')
        given = result["grads"]
        self.grad(grad, {n: np.zeros_like(self.arrays[n]) if g is None else g for n, g in given.items()})
        return result, [n for n, g in given.items() if g is None]

    def named(self, vector: Vector) -> dict[str, Array]:
        """Return a vector as arrays by name, for the caller's hvp."""
        at, out = 0, {}
        for n, a in self.arrays.items():
            out[n] = vector[at : at + a.size].reshape(a.shape).astype(a.dtype)
            at += a.size
        return out

    def flat(self, product: Mapping[str, Any], into: Vector) -> None:
        """Write the result of the caller's hvp into a vector."""
        whole = {n: np.zeros_like(a) if product.get(n) is None else product[n] for n, a in self.arrays.items()}
        self._gather(into, whole, "the product")

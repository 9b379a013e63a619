"""Answer one question of sgdwalk about a loss: its value, its gradient, or products with its Hessian."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Union

import numpy as np

from .array_evaluator import ArrayEvaluator
from .arrays import Vector
from .errors import InputError
from .layout import set_kinds
from .torch_evaluator import TorchEvaluator
from .torch_hessian import NoProductError, not_a_number
from .words import described

Evaluator = Union[TorchEvaluator, ArrayEvaluator]
LossFunction = Callable[[Any], Any]  # of the model; returns a number, or a dict with "loss"
ProductFunction = Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]  # of the model and a vector by name


def evaluator_of(model: Any) -> Evaluator:
    """Return the object that sets the parameters of a model and evaluates its loss.

    model is a torch.nn.Module or a dict of arrays; InputError otherwise.
    """
    made: Evaluator
    if isinstance(model, Mapping):
        made = ArrayEvaluator(model, {})
    elif hasattr(model, "named_parameters"):
        made = TorchEvaluator(model)
    else:
        raise InputError(
            f"the model is a {type(model).__name__}; it must be a torch.nn.Module or a dict of numpy arrays"
        )
    set_kinds(made, {})
    return made


def multiply(
    evaluator: Evaluator,
    loss_fn: LossFunction,
    hvp: ProductFunction | None,
    model: Any,
    vectors: Vector,
    products: Vector,
) -> str:
    """Multiply the Hessian by vectors. Return the reason why this is not possible, or "".

    vectors and products have the shape [n, P]; row i of products becomes H times row i of
    vectors. hvp is the caller's own product, or None.
    """
    if hvp is not None:
        for vector, product in zip(vectors, products):
            result = hvp(model, evaluator.named(vector))
            if not isinstance(result, Mapping):
                raise InputError(f"hvp returned {described(result)}; it must return {{name: tensor or array}}")
            evaluator.flat(result, product)
        return ""
    if not isinstance(evaluator, TorchEvaluator):
        return "a model of arrays has products only if hvp is given"
    try:
        evaluator.multiply(loss_fn, model, list(vectors), list(products))
    except (NoProductError, RuntimeError, NotImplementedError) as e:
        # A layer without a second derivative, not enough memory, ...
        words = str(e).strip()
        return f"the gradient cannot be differentiated: {words.splitlines()[0] if words else type(e).__name__}"
    return ""


def number_for_json(name: str, value: Any) -> Any:
    """Return a number for JSON, with texts for NaN and infinity, which JSON does not have."""
    try:
        v = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise not_a_number(name, value) from None
    return v if np.isfinite(v) else "NaN" if v != v else "Infinity" if v > 0 else "-Infinity"

"""The protocol between sgdwalk and a program that evaluates a loss."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from .arrays import Vector, shapes_of
from .errors import SgdwalkError
from .evaluator import Evaluator, LossFunction, ProductFunction, multiply, number_for_json

_LONG_COPY = 0.01  # share of an evaluation from which copying theta is worth avoiding
_SHARED_FROM = 1 << 20  # elements of theta below which it is always copied


class Conversation:
    """The answers to the lines of the protocol; OBJECTIVE.md of sgdwalk describes it.

    Vectors travel through files that both processes map into memory; hello names the files.
    report(exception, reason) is called for each exception of loss_fn before its answer is returned.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        loss_fn: LossFunction,
        model: Any,
        state: bool,
        hvp: ProductFunction | None,
        report: Callable[[BaseException, str], None],
    ):
        self._evaluator, self._loss_fn, self._model = evaluator, loss_fn, model
        self._uses_state, self._hvp, self._report = state, hvp, report
        self._theta: Vector | None = None
        self._has_tried_to_share = False

    def begin(self, hello: Mapping[str, Any]) -> dict[str, Any]:
        """Map the files that sgdwalk names, and return the answer to its first line."""
        can_multiply = self._hvp is not None or self._evaluator.can_multiply
        own: dict[str, Any] = {"sgdwalk_objective": 1, "gradient": True, "hessian": can_multiply}
        if self._uses_state:
            self._evaluator.take_state([t["name"] for t in hello.get("state_layout") or []])
            own["state_layout"] = shapes_of(self._evaluator.state_layout)
        own["layout"] = shapes_of(self._evaluator.layout)
        if hello.get("sgdwalk_objective") != 1:
            own["error"] = f"sgdwalk.py knows version 1 of the protocol, not {hello.get('sgdwalk_objective')}"
        self._theta, self._gradient = _mapped(hello.get("theta")), _mapped(hello.get("gradient"))
        self._vectors, self._products = _mapped(hello.get("vectors")), _mapped(hello.get("products"))
        self._state = _mapped(hello.get("state")) if self._uses_state else None
        return own

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one question. An error of loss_fn is an answer, not an exception."""
        try:
            return {"id": question["id"], **self._evaluate(question)}
        except (Exception, SystemExit) as e:
            reason = f"{type(e).__name__}: {e}"
            if isinstance(e, SystemExit):
                reason = f"loss_fn ended the program: sys.exit({e})"
            elif isinstance(e, SgdwalkError):
                reason = str(e)
            self._report(e, reason)
            return {"id": question["id"], "error": reason}

    def _evaluate(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self._theta is not None
        began = time.perf_counter()
        self._evaluator.put(self._theta, self._state)
        seconds = time.perf_counter() - began
        wanted = question["want"]
        if "hessian" in wanted:
            assert self._vectors is not None and self._products is not None
            n, size = question["vectors"], self._theta.size
            vectors, products = self._vectors.reshape(-1, size)[:n], self._products.reshape(-1, size)[:n]
            reason = multiply(self._evaluator, self._loss_fn, self._hvp, self._model, vectors, products)
            return {"hessian_absent": reason} if reason else {}
        answer = self._numbers(wanted)
        if not self._has_tried_to_share and seconds > _LONG_COPY * (time.perf_counter() - began):
            self._has_tried_to_share = True
            return self._share(wanted, answer)
        return answer

    def _numbers(self, wanted: Sequence[str]) -> dict[str, Any]:
        """Evaluate the loss at the parameters that are set."""
        grad = self._gradient if "gradient" in wanted else None
        result, frozen = self._evaluator.evaluate(self._loss_fn, self._model, grad)
        numbers = result if isinstance(result, Mapping) else {"loss": result}
        return {"frozen": frozen, **{n: number_for_json(n, numbers[n]) for n in wanted if n in numbers}}

    def _share(self, wanted: Sequence[str], answer: dict[str, Any]) -> dict[str, Any]:
        """Let large parameters use the memory of theta, if the loss is the same number again then.

        It is not if the loss uses an older view of a parameter, whose values are NaN then. Returns the answer.
        """
        assert self._theta is not None
        if self._theta.size < _SHARED_FROM or answer.get("loss") == "NaN" or not self._evaluator.share(self._theta):
            return answer
        is_same = False
        try:
            self._evaluator.put(self._theta, self._state)
            is_same = self._numbers(wanted) == answer
        except (Exception, SystemExit):
            pass  # the first evaluation did not fail, so an older view made this one fail
        finally:
            if not is_same:
                self._evaluator.unshare()
                self._evaluator.put(self._theta, self._state)
        return answer if is_same else self._numbers(wanted)


def _mapped(path: str | None) -> Vector | None:
    """Return the float32 numbers of a file, mapped into memory for reading and writing."""
    return np.memmap(path, dtype="<f4", mode="r+").view(np.ndarray) if path else None

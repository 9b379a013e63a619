"""Evaluate the loss of a model for the program sgdwalk, over standard input and output."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, BinaryIO, Mapping

import numpy as np

from .arrays import Vector, shapes_of
from .errors import SgdwalkError
from .evaluator import Evaluator, LossFunction, ProductFunction, evaluator_of, multiply, number_for_json


def serve(
    loss_fn: LossFunction,
    model: Any,
    *,
    training: bool = False,
    state: bool = True,
    hvp: ProductFunction | None = None,
) -> None:
    """Evaluate the loss for sgdwalk. sgdwalk starts the script that calls serve().

        sgdwalk walk --objective "python3 objective.py" run

    Args:
        loss_fn: the function of the model that returns the mean loss over the whole
            training set, or a dict with "loss" and any of "accuracy" (0 to 1), "test_loss"
            and "test_accuracy". serve() sets the parameters of the model before each call.
            The same parameters must give the same loss: no shuffling, no augmentation, no
            dropout. For a torch module, loss_fn is called without gradients, or with
            gradients when an analysis needs them (curvature). Then serve() calls backward()
            on the loss, unless loss_fn has called backward() itself, batch by batch.
        model: the torch.nn.Module that was recorded, with any weights, or the dict of
            arrays. The arrays are changed in place, and their loss_fn also returns "grads",
            {name: array}, if gradients are available. A frozen parameter has the gradient
            None.
        training: True keeps the mode of a torch module; otherwise serve() calls eval().
        state: False keeps the module's own statistics of normalization layers. Otherwise
            serve() uses the statistics that the run recorded: those of the iterate in walk
            and curvature, those of the last iterate in other analyses.
        hvp: the function that multiplies the Hessian of the loss by a vector. hvp(model, v)
            receives v as {name: tensor or array} and returns the product in the same form.
            A torch module does not need it, because serve() differentiates the gradient
            once more. Without products sgdwalk uses differences of gradients, and says so.

    From this call on, text that the script prints goes to standard error, because standard
    output is for the answers. serve() returns when sgdwalk sends no more requests.
    """
    evaluator = evaluator_of(model)
    if not training and not isinstance(model, Mapping):
        model.eval()
    questions, hello = _first_question()
    answers = _take_output()

    def write(line: Mapping[str, Any]) -> None:
        answers.write(json.dumps(line).encode() + b"\n")
        answers.flush()

    conversation = Conversation(evaluator, loss_fn, model, state, hvp)
    answers.write(b"\n")  # ends a line that the script may have printed without a line break
    write(conversation.begin(hello))
    for line in questions:
        write(conversation.answer(json.loads(line)))


class Conversation:
    """The answers to the lines of the protocol; OBJECTIVE.md of sgdwalk describes it.

    Vectors travel through files that both processes map into memory; hello names the files.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        loss_fn: LossFunction,
        model: Any,
        state: bool,
        hvp: ProductFunction | None,
    ):
        self._evaluator, self._loss_fn, self._model = evaluator, loss_fn, model
        self._uses_state, self._hvp = state, hvp

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
        except (Exception, SystemExit) as e:  # sgdwalk shows the error and the printed traceback
            traceback.print_exc()
            sys.stderr.flush()
            reason = f"{type(e).__name__}: {e}"
            if isinstance(e, SystemExit):
                reason = f"loss_fn ended the program: sys.exit({e})"
            elif isinstance(e, SgdwalkError):
                reason = str(e)
            return {"id": question["id"], "error": reason}

    def _evaluate(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self._theta is not None
        self._evaluator.put(self._theta, self._state)
        wanted = question["want"]
        if "hessian" in wanted:
            assert self._vectors is not None and self._products is not None
            n, size = question["vectors"], self._theta.size
            vectors, products = self._vectors.reshape(-1, size)[:n], self._products.reshape(-1, size)[:n]
            reason = multiply(self._evaluator, self._loss_fn, self._hvp, self._model, vectors, products)
            return {"hessian_absent": reason} if reason else {}
        grad = self._gradient if "gradient" in wanted else None
        result, frozen = self._evaluator.evaluate(self._loss_fn, self._model, grad)
        numbers = result if isinstance(result, Mapping) else {"loss": result}
        return {"frozen": frozen, **{n: number_for_json(n, numbers[n]) for n in wanted if n in numbers}}


def _first_question() -> tuple[BinaryIO, dict[str, Any]]:
    """Read the first line from sgdwalk. If a user runs the script by hand, exit and explain its purpose."""
    script = os.path.basename(sys.argv[0]) or "objective.py"
    explain = SystemExit(
        f"{script} is an objective: it computes a loss for sgdwalk, which starts it and asks. "
        f'Do not run it by hand; run, for example: sgdwalk walk --objective "python3 {script}" RUN'
    )
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise explain
    questions = os.fdopen(os.dup(0), "rb")
    try:
        hello = json.loads(questions.readline())
    except ValueError:
        raise explain from None
    if not isinstance(hello, dict) or "sgdwalk_objective" not in hello:
        raise explain
    return questions, hello


def _take_output() -> BinaryIO:
    """Return the standard output, for the answers. No other code may read the requests or
    write between the answers, so standard input becomes empty, and prints go to standard error."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return answers


def _mapped(path: str | None) -> Vector | None:
    """Return the float32 numbers of a file, mapped into memory for reading and writing."""
    return np.memmap(path, dtype="<f4", mode="r+").view(np.ndarray) if path else None

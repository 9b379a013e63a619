"""Evaluate the loss of a model for the program sgdwalk, over standard input and output."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, BinaryIO, Mapping

from .conversation import Conversation
from .evaluator import LossFunction, ProductFunction, evaluator_of


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

    conversation = Conversation(evaluator, loss_fn, model, state, hvp, _print_traceback)
    answers.write(b"\n")  # ends a line that the script may have printed without a line break
    write(conversation.begin(hello))
    for line in questions:
        write(conversation.answer(json.loads(line)))


def _print_traceback(error: BaseException, reason: str) -> None:
    """Print the traceback of an error. sgdwalk shows it above the reason."""
    traceback.print_exception(type(error), error, error.__traceback__)
    sys.stderr.flush()


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

"""The analyses of sgdwalk, with the loss of a model of this process."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Mapping, Sequence, Union

from .call import Call
from .conversation import Conversation
from .errors import AnalysisError, InputError
from .evaluator import LossFunction, evaluator_of
from .listener import Listener
from .options import flags_of
from .preserve import preserved
from .program import find_program
from .progress import new_progress
from .results import Result

Place = Union[str, "os.PathLike[str]", "Analyses"]  # of a run
Steps = Union[str, int, Sequence[Any], None]


class Analyses:
    """A run, or a folder of checkpoints, together with its analyses.

        run = sgdwalk.Analyses("checkpoints")
        run.landscape(lambda model: criterion(model(x), y), model)

    directory is the run. Most analyses evaluate a loss: loss(model) returns the mean loss over
    the whole training set for the parameters that the model has then, and model is the
    torch.nn.Module or the dict of arrays that was recorded, with any weights; serve() has the
    rules. The loss is called in this process, in the thread of the call. Without loss and model,
    sgdwalk evaluates the loss of a run that it trained itself.

    An analysis leaves the model as it was: parameters, buffers, gradients, modes and random
    numbers. Ctrl-C stops it and keeps what is finished; the same call continues from there.

    Keyword arguments of every analysis: training, state and hvp are those of serve().
    progress=False shows no progress, and program names the program sgdwalk. All others are
    flags of the program, whose help has them all (`sgdwalk walk --help`): curve_steps=100 is
    --curve-steps=100, True is a flag without a value, and a list is joined by commas.

    Raises AnalysisError with the program's line, and the exceptions of loss as they are.
    """

    def __init__(self, directory: str | os.PathLike[str]):
        self.directory = os.fspath(directory)

    def __repr__(self) -> str:
        return f"<sgdwalk analyses of {self.directory!r}>"

    def walk(
        self,
        loss: LossFunction | None = None,
        model: Any = None,
        *,
        segments: Steps = None,
        alphas: str | None = None,
        also: str | Sequence[str] | None = None,
        **options: Any,
    ) -> Result:
        """Evaluate the loss along the segments between consecutive iterates (Xing et al. 2018).

        Args:
            segments: "0-49", "epoch:2", "every:10", "first:20", ... (default: the first epoch).
            alphas: points on a segment, as "MIN:MAX:N" (default "0:1:11").
            also: further numbers that loss returns: "accuracy", "test_loss", "test_accuracy".
        """
        return self._analyze("walk", loss, model, options, segments=segments, alphas=alphas, also=also)

    def line(
        self,
        loss: LossFunction | None = None,
        model: Any = None,
        *,
        alphas: str | None = None,
        to_run: Place | None = None,
        also: str | Sequence[str] | None = None,
        **options: Any,
    ) -> Result:
        """Evaluate the loss on the straight line between two iterates, by default the first and the last.

        Args:
            alphas: points on the line, as "MIN:MAX:N" (default "-0.5:1.5:81").
            to_run: another run that has the second point.
            also: as in walk().

        line(loss, model, from_=-1, to_run=other, align=True) compares the ends of two runs before
        and after the hidden units of the second are permuted. A model of Python needs the names
        of its axes for that; see layout_of.
        """
        return self._analyze("line", loss, model, options, alphas=alphas, to_run=to_run, also=also)

    def landscape(
        self,
        loss: LossFunction | None = None,
        model: Any = None,
        *,
        grid: str | None = None,
        plane: str | None = None,
        also: str | Sequence[str] | None = None,
        **options: Any,
    ) -> Result:
        """Evaluate the loss on a plane, by default that of the first two principal directions.

        Args:
            grid: numbers of points, as "NXxNY" (default "51x51").
            plane: "pca", "random" and others.
            also: as in walk(), and "eigenvalues".

        through=[run, other], align=True permutes the hidden units of other, as in line().
        """
        return self._analyze("landscape", loss, model, options, grid=grid, plane=plane, also=also)

    def curvature(
        self,
        loss: LossFunction | None = None,
        model: Any = None,
        *,
        step: int | None = None,
        along: Steps = None,
        top: int | None = None,
        **options: Any,
    ) -> Result:
        """Compute the largest eigenvalues, the trace and the spectral density of the Hessian.

        loss must be differentiable: it returns a tensor with a gradient, or calls backward()
        itself batch by batch; for a dict of arrays it returns "grads".

        Args:
            step: the iterate (default: the last one).
            along: several iterates instead, for example "every:20".
            top: number of eigenvalues (default 10).
        """
        return self._analyze("curvature", loss, model, options, step=step, along=along, top=top)

    def average(
        self,
        loss: LossFunction | None = None,
        model: Any = None,
        *,
        at: Steps = None,
        windows: Sequence[int] | int | None = None,
        ema: Sequence[float] | float | None = None,
        also: str | Sequence[str] | None = None,
        **options: Any,
    ) -> Result:
        """Evaluate the loss of averages of the iterates: how high the run is above the floor of its valley.

        The statistics of normalization layers are averaged with the parameters. A loss with
        gradients, as for curvature(), also gives the gain in a noisy bowl; without them the
        result says why this is missing.

        Args:
            at: steps at which the loss is evaluated (default: 20 steps, spread over the run).
            windows: lengths of means of the last iterates, for example [10, 100].
            ema: decays of exponential averages, for example 0.99.
            also: as in walk().
        """
        return self._analyze("average", loss, model, options, at=at, windows=windows, ema=ema, also=also)

    def pca(self, **options: Any) -> Result:
        """Compute the principal directions of the walk, compared with a random walk. It needs no loss."""
        return self._analyze("pca", None, None, options)

    def path(self, **options: Any) -> Result:
        """Compute step lengths, cosines and displacement along the walk. It needs no loss."""
        return self._analyze("path", None, None, options)

    def audit(self, **options: Any) -> Result:
        """Find faults in the run: updates that do not follow from the gradients, and more. See audit()."""
        return audit(self.directory, **options)

    def report(self, out: str | os.PathLike[str], *, force: bool = False, **options: Any) -> str:
        """Write one HTML file with all finished analyses, and return its path. force replaces a file."""
        own = _Settings(options)
        flags = flags_of({**own.rest, "out": os.path.abspath(os.fspath(out)), "force": force or None})
        return str(own.run("report", flags, [self.directory], None)[0]["file"])

    def _analyze(
        self, verb: str, loss: LossFunction | None, model: Any, options: Mapping[str, Any], **named: Any
    ) -> Result:
        return analyze(verb, [self], loss, model, {**named, **options})


def compare(
    runs: Sequence[Place],
    loss: LossFunction | None = None,
    model: Any = None,
    *,
    out: str | os.PathLike[str],
    baseline: str | None = None,
    grid: str | None = None,
    **options: Any,
) -> Result:
    """Compare several runs in one plane, over one loss.

        sgdwalk.compare(["sgd", "adam"], loss, model, out="comparison")

    Args:
        runs: the runs, or folders of checkpoints. They have the same layout.
        loss, model: as for Analyses.
        out: the directory of the result.
        baseline: the group with which the others are compared.
        grid: numbers of points of the landscape, as "NXxNY" (default "41x41").

    align=True permutes hidden units before the ends are compared, as in Analyses.line(). Other
    keyword arguments are those of Analyses.
    """
    named = {"out": out, "baseline": baseline, "grid": grid}
    return analyze("compare", runs, loss, model, {**named, **options})


def audit(folder: Place, *, fail_on: str = "never", **options: Any) -> Result:
    """Find faults in a folder of checkpoints, or in what a run recorded.

    summary.findings has each fault. fail_on="error" or "warning" raises AnalysisError if there
    is a fault that is at least this severe. Other keyword arguments are flags of `sgdwalk
    audit`, for example against=another folder.
    """
    return analyze("audit", [folder], None, None, {"fail_on": fail_on, **options})


def analyze(
    verb: str, runs: Sequence[Place], loss: LossFunction | None, model: Any, options: Mapping[str, Any]
) -> Result:
    """Run a verb of sgdwalk, with the loss of a model of this process or without one."""
    if (loss is None) != (model is None):
        raise InputError(f"{verb} needs both loss and model, or neither; {'model' if loss else 'loss'} is missing")
    if loss is not None and not callable(loss):
        raise InputError(f"loss is a {type(loss).__name__}; it must be a function of the model")
    if isinstance(runs, (str, os.PathLike)):
        raise InputError(f"runs is {os.fspath(runs)!r}; it must be a list of runs")
    settings = _Settings(options)
    flags = flags_of(settings.rest)
    places = [r.directory if isinstance(r, Analyses) else os.fspath(r) for r in runs]
    if loss is None:
        try:
            document, messages = settings.run(verb, flags, places, None)
        except AnalysisError as e:
            if "--objective" not in str(e) or "objective" in settings.rest:
                raise
            raise AnalysisError(f"{verb} needs the loss: pass loss and model; {e}", e.status) from None
    else:
        document, messages = settings.run_with_loss(verb, flags, places, loss, model)
    return Result(document, messages)


class _Settings:
    """The keyword arguments that are not flags, and how the program runs with them; rest has the flags."""

    def __init__(self, options: Mapping[str, Any]):
        self.rest = dict(options)
        self._training: bool = self.rest.pop("training", False)
        self._state: bool = self.rest.pop("state", True)
        self._hvp = self.rest.pop("hvp", None)
        self._shows: bool = self.rest.pop("progress", True)
        self._program = find_program(self.rest.pop("program", None))

    def run(
        self, verb: str, flags: Sequence[str], places: Sequence[str], listener: Listener | None
    ) -> tuple[Any, list[str]]:
        """Run the program. Return what it prints on standard output, decoded, and its messages."""
        command = [self._program, verb, "--json", "--progress=lines", *flags, "--", *places]
        call = Call(command, listener, new_progress(self._shows))
        return call.result(), call.messages

    def run_with_loss(
        self, verb: str, flags: Sequence[str], places: Sequence[str], loss: LossFunction, model: Any
    ) -> tuple[Any, list[str]]:
        """Run the program and evaluate the loss for it. Exceptions of the loss are raised as they are."""
        evaluator = evaluator_of(model)
        failures: list[tuple[BaseException, str]] = []

        def report(error: BaseException, reason: str) -> None:
            failures.append((error, reason))

        def converse() -> Conversation:
            return Conversation(evaluator, loss, model, self._state, self._hvp, report)

        with preserved(model), contextlib.closing(Listener(converse)) as listener:
            if not self._training and hasattr(model, "eval"):
                model.eval()
            for flag in ("objective_timeout", "objective_start_timeout"):
                if flag not in self.rest:  # whoever calls the analysis ends an evaluation that takes too long
                    flags = [*flags, *flags_of({flag: "240h"})]
            flags = [*flags, f"--objective=connect:{_quoted(listener.address)} {_quoted(_name_of(loss))}"]
            try:
                return self.run(verb, flags, places, listener)
            except AnalysisError as e:
                for error, reason in reversed(failures):
                    if (reason.splitlines() or [""])[0] in str(e):
                        raise error from None
                raise


def _quoted(text: str) -> str:
    """Return a text as one word of --objective."""
    return "'" + text.replace("'", "") + "'"


def _name_of(loss: Any) -> str:
    """Return a name of a function that is the same in the next call, so that this continues interrupted work."""
    own = loss if hasattr(loss, "__qualname__") else type(loss)
    return f"python {own.__module__}.{own.__qualname__}"

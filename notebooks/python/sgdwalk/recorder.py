"""Record theta, loss and gradient of every step of a training."""

from __future__ import annotations

import functools
import os
import weakref
from typing import Any, Callable, Mapping, Sequence

from .errors import InputError, RecorderError, RunExistsError
from .forward_hook import BeforeForward
from .layout import Axes, model_of, set_axes
from .optimizers import describe_groups, describe_optimizers, groups_of, optimizers_of, watch_updates
from .program import find_program
from .ranks import rank_of_process
from .recording import Recording
from .row import Row
from .torch_model import TorchModel
from .unclosed import unclosed
from .values import number, whole


class Recorder:
    """Records theta before every update, with the loss and, on request, the gradient.

    Args:
        model: a torch.nn.Module, or a dict of numpy arrays that training changes in place.
        optimizer: a torch optimizer or a list of them. The settings of every parameter
            group go into the header, and the learning rates go into every row. Without an
            optimizer you can pass learning_rate to step().
        out: directory of the run; it must not exist.
        every: record every K-th step, with K = every; the first and the last step are always recorded.
        grad: record the gradients too.
        steps, epochs, batch, seed: the planned settings, for the header. With steps the
            program refuses before the first step if the disk is too small.
        data: fields of the data description, such as {"spec": "...", "train_examples": N}.
        kinds: kinds of parameters by name, where kinds_of or the number of axes is wrong.
        axes: names of the hidden units on the axes of every tensor, for --align; see layout_of.
        state: names or patterns of further buffers to record in every row, in addition to the
            running statistics of normalization layers.
        scaler: the GradScaler of mixed precision. The recorder divides gradients that are
            still scaled by its scale.
        rank: the rank of this process in a distributed job; only rank 0 records. By
            default it comes from torch.distributed, or else from the environment variable RANK
            or LOCAL_RANK.
        on_error: "raise" raises an error when the recording cannot continue. "warn" warns
            once instead: the recording ends there, and the training continues.
        args: further arguments of `sgdwalk ingest`, such as ["--sketch", "project:256"].
        program: the sgdwalk program.

    Recorder() returns when the program has accepted the run, and raises an error if the
    program refuses it.

    Frozen parameters are part of theta, with gradient 0; tied parameters are there once.
    State is taken before the forward pass of the step. Leaving the with block records the
    last iterate. Leaving it by an exception does not, and the run is marked as unfinished.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any = None,
        out: str | os.PathLike[str] | None = None,
        *,
        every: int = 1,
        grad: bool = False,
        steps: int = 0,
        epochs: int = 0,
        batch: int = 0,
        seed: int = 0,
        data: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None,
        axes: Axes | None = None,
        state: Sequence[str] = (),
        comment: str = "",
        scaler: Any = None,
        rank: int | None = None,
        on_error: str = "raise",
        args: Sequence[str] = (),
        program: str | None = None,
    ):
        self._recording: Recording | None = None  # None on the ranks that do not record
        if (rank_of_process() if rank is None else rank) > 0:
            return
        if on_error not in ("raise", "warn"):
            raise InputError(f'on_error is {on_error!r}; it must be "raise" or "warn"')
        if out is None:
            raise InputError("out is missing: the directory of the run, which must not exist")
        every = whole("every", every, least=1)
        planned = {"steps": steps, "epochs": epochs, "batch": batch, "seed": seed}
        planned = {n: whole(n, v) for n, v in planned.items()}
        out, self._key = os.fspath(out), os.path.realpath(out)
        args = [args] if isinstance(args, str) else list(args)
        former = unclosed.get(self._key)  # it still has this directory when a notebook cell runs again
        if former is not None and former._end_for_successor(out) and "--force" not in args:
            args = [*args, "--force"]
        if os.path.lexists(out) and "--force" not in args:
            raise RunExistsError(
                f"out={out!r} exists already: name a new directory, or give args=['--force'] to replace a run"
            )
        read = model_of(model, kinds, [state] if isinstance(state, str) else state)
        set_axes(read, axes or {})
        self._optimizers = optimizers_of(optimizer)
        self._is_attached = False
        self._row: Row | None = None  # the numbers of the next row, when attached
        self._stepped: set[int] = set()  # the optimizers that have made the current update
        self._removes: list[Callable[[], None]] = []
        recording = Recording(read, self._optimizers, scaler, every, bool(grad), on_error)
        self._checks = recording.checks
        line: dict[str, Any] = {
            "sgdwalk_stream": 3,
            "memory": True,
            "software": "sgdwalk.py 3",
            "model": read.name,
            "layout": read.layout,
            "state_layout": read.state_layout,
            "grad": bool(grad),
            **planned,
            "optimizer": describe_optimizers(self._optimizers),
            "data": dict(data or {}),
            "comment": "; ".join(filter(None, (comment, read.comment))),
        }
        if isinstance(read, TorchModel) and len(groups_of(self._optimizers)) > 1:
            line["parameter_groups"] = describe_groups(self._optimizers, read.parameters)
        if every > 1 and not any(a.split("=")[0] == "--record" for a in args):
            args = [*args, "--record", f"every:{every}"]  # so that the header names the recorded steps
        command = [find_program(program), "ingest", "--json", "--ready", "--out", out, *args]
        self._process = recording.start(command, line)
        self._recording, recording.on_end = recording, self._forget
        unclosed[self._key] = self
        self._model = read
        self._watch(model)

    def _watch(self, model: Any) -> None:
        """Install hooks for forward passes and updates. The hooks do not keep the recorder alive."""
        me = weakref.ref(self)

        def before(i: int, closure: Any) -> Any:
            recorder = me()
            if recorder is None or recorder._recording is None:
                return closure
            return recorder._recording.guarded(closure, recorder._before_update, i, closure)

        def after() -> None:
            recorder = me()
            if recorder is not None:
                recorder._checks.updates += 1
                recorder._checks.moved = True

        for i, optimizer in enumerate(self._optimizers):
            self._removes.append(watch_updates(optimizer, functools.partial(before, i), after))
        # Script modules have no hooks.
        if isinstance(self._model, TorchModel) and not hasattr(model, "original_name"):
            self._removes.append(model.register_forward_pre_hook(BeforeForward(self._before_forward, model)).remove)

    def attach(self) -> Recorder:
        """Take theta and gradient in the optimizer's hook, at every optimizer.step().

            recorder = Recorder(model, optimizer, out="run").attach()

        The place of step() in the loop then does not matter: call it once for every
        optimizer.step(), before or after it. For optimizer.step(closure), the loss and the
        gradient come from the first evaluation of the closure; do not call step().
        """
        if self._recording is not None:
            if not self._optimizers:
                raise InputError("attach() needs an optimizer: Recorder(model, optimizer, ...)")
            self._is_attached = True
        return self

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.close()
        else:
            # The stream has no end, so that the run is marked as unfinished.
            self._leave("the with block was left by an exception")

    def step(
        self,
        loss: Any,
        *,
        epoch: int | None = None,
        accuracy: float | None = None,
        learning_rate: float | None = None,
        examples: int = 0,
        full_loss: float | None = None,
        test_loss: float | None = None,
        grads: Mapping[str, Any] | None = None,
    ) -> None:
        """Record one step: after backward(), before the optimizer's update.

        loss is the mean loss of the batch at the current parameters. epoch counts from 0 or
        from 1; the run counts from 1, and notes it when the script counts from 0. accuracy
        is the share of correct examples in the batch, 0 to 1. full_loss and test_loss are
        losses over the whole training and test set, if you have measured them. examples is
        the number of examples in the batch. With gradient accumulation make one call for all
        batches of an update, with their mean loss.

        Raises InputError for a value that is not allowed, and RecorderError when the
        recording cannot continue.
        """
        recording = self._recording
        if recording is None:
            return
        if not recording.is_open:
            if recording.on_error == "raise":
                raise RecorderError(recording.ended)
            return
        row = Row(loss, epoch, accuracy, learning_rate, examples, full_loss, test_loss, grads)
        recording.guarded(None, self._step, recording, row)

    def _step(self, recording: Recording, row: Row) -> None:
        row = row.checked()
        recording.count_epoch(row)
        if not self._is_attached:
            recording.check_place()
            recording.take(row.grads)
            recording.send(row)
            return
        if self._row is not None:
            raise RecorderError(
                "step() was called twice for one optimizer.step(): with attach(), call it once for every update"
            )
        self._row = row
        if recording.has_taken:
            self._send_taken(recording)

    def close(self, full_loss: float | None = None, test_loss: float | None = None) -> None:
        """Record the last iterate, end the stream and wait for the program."""
        recording = self._recording
        if recording is not None and recording.is_open:
            numbers = number("full_loss", full_loss), number("test_loss", test_loss)
            recording.guarded(None, recording.finish, *numbers)

    # Calls around the forward pass and the update.

    def _before_forward(self) -> None:
        import torch

        recording, model = self._recording, self._model
        if recording is None or not recording.is_open or not torch.is_grad_enabled():
            return  # without gradients it is an evaluation
        if isinstance(model, TorchModel):
            recording.take_state(model.version())

    def _before_update(self, i: int, closure: Any) -> Any:
        """Prepare for the update of optimizer i. Return the closure that it must use."""
        recording = self._recording
        if recording is None or not recording.is_open:
            return closure
        if not self._is_attached:
            if closure is None:
                recording.check_update()
            return closure
        if self._stepped and i not in self._stepped:  # another optimizer is part of the same update
            self._stepped.add(i)
            return closure
        self._stepped = {i}
        if closure is not None:
            return self._recorded(recording, closure)
        self._take_row(recording, None)
        return None

    def _recorded(self, recording: Recording, closure: Callable[[], Any]) -> Callable[[], Any]:
        """Wrap the closure. Its first evaluation makes the row, because theta has not moved yet."""
        first = True

        @functools.wraps(closure)
        def evaluate() -> Any:
            nonlocal first
            loss = closure()
            if first:
                first = False
                recording.guarded(None, self._take_row, recording, loss)
            return loss

        return evaluate

    def _take_row(self, recording: Recording, loss: Any) -> None:
        """Take the row before the update. loss is the result of the closure, if there is one."""
        if recording.has_taken:
            raise RecorderError(
                f"update {recording.steps} has no loss: "
                "with attach(), call recorder.step(loss) once for every optimizer.step()"
            )
        if self._row is None and loss is not None:
            self._row = Row(loss).checked()
        recording.take(self._row.grads if self._row else None)
        if self._row is not None:
            self._send_taken(recording)

    def _send_taken(self, recording: Recording) -> None:
        row, self._row = self._row, None
        assert row is not None
        recording.send(row)

    # The end of the recording.

    def _leave(self, why: str) -> None:
        """End the recording without an end of the stream, so that the run is marked as unfinished. Raise nothing."""
        if self._recording is not None:
            self._recording.leave(why)

    def _forget(self) -> None:
        """Remove the hooks when the recording ends."""
        if unclosed.get(self._key) is self:
            del unclosed[self._key]
        for remove in self._removes:
            remove()
        self._removes.clear()

    def _abandon(self) -> None:
        """Close the pipe in a forked child, which does not record."""
        if self._recording is not None:
            self._recording.abandon()

    def _end_at_exit(self, has_died: bool) -> None:
        """End the recording because the script ends. If it died, the run is marked as unfinished."""
        if has_died:
            self._leave("the script has ended")
        elif self._recording is not None:
            self._recording.on_error = "warn"
            self.close()

    def _end_for_successor(self, out: str) -> bool:
        """End the recording because a newer recorder has its directory.

        Return whether the run has no step, so that nothing is lost when it is replaced.
        """
        self._leave(f"a newer recorder has been made for {out!r}")
        return self._recording is None or not self._recording.steps

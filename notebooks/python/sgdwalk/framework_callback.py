"""What the callbacks for Lightning, Hugging Face and Keras have in common."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from typing import Any, Callable, Sequence

from .errors import InputError
from .recorder import Recorder

_made: dict[tuple[type, ...], type] = {}  # the classes that framework_class has made


class FrameworkCallback:
    """Keeps the recorder of one training, and the losses of its next update.

    A subclass names the modules that a framework may have, and the framework's class of callbacks
    in them. out and the options are those of Recorder.
    """

    _modules: tuple[str, ...] = ()
    _base = ""

    def __new__(cls, *args: Any, **options: Any) -> Any:
        made: Any = object.__new__(framework_class(cls, cls._modules, cls._base))
        made._again = functools.partial(cls, *args, **options)
        return made

    def __init__(self, out: str | os.PathLike[str], **options: Any):
        super().__init__()  # that of the framework
        self._out, self._options = os.fspath(out), options
        self._recorder: Recorder | None = None
        self._losses: list[Any] = []  # detached losses whose gradients have been added up for the next update
        try:
            inspect.signature(Recorder).bind(None, None, out=out, **options)
        except TypeError as e:
            raise InputError(f"{type(self).__name__}: {e}; its options are those of Recorder") from None

    def __reduce__(self) -> Any:  # a copy, for example in another process, begins without a recorder
        return self._again, ()

    _again: Callable[[], Any]

    def _begin(self, model: Any, optimizers: Any, step: int, **known: Any) -> None:
        """Start the recording. step is the number of updates that the training had before it was resumed."""
        options, out = {**known, **self._options}, self._out
        if step:
            out = f"{out}-from-{step}"
            resumed = f"continues a training after its update {step}"
            options["comment"] = "; ".join(filter(None, (options.get("comment"), resumed)))
        self._losses = []
        self._recorder = Recorder(model, optimizers, out=out, **options)

    def _end(self, error: BaseException | None = None) -> None:
        """End the recording. After an error the run has no end, and is marked as unfinished."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.__exit__(None if error is None else type(error), error, None)

    @property
    def _has_rows(self) -> bool:
        """Whether the recorder has recorded an update in this process."""
        recording = None if self._recorder is None else self._recorder._recording
        return recording is not None and recording.steps > 0

    def _loss(self) -> float:
        """Return the sum of the losses, which is the loss of the summed gradient, and forget them."""
        losses, self._losses = self._losses, []
        return sum(map(float, losses))


def framework_class(own: type, modules: Sequence[str], name: str) -> type:
    """Return a class that is own and the framework's class of callbacks too, because trainers check this.

    modules are the names that the framework's package may have; the class has the given name in
    them. If the program has loaded several of them, the result is a callback of each one. None of
    them is loaded here: a program without them uses own, which has the methods.
    """
    loaded = [getattr(sys.modules.get(m), name, None) for m in modules]
    bases = tuple(dict.fromkeys(c for c in loaded if isinstance(c, type) and not issubclass(own, c)))
    if not bases:
        return own
    if (own, *bases) not in _made:
        members = {"__module__": own.__module__, "__qualname__": own.__qualname__}
        _made[own, *bases] = type(own.__name__, (own, *bases), members)
    return _made[own, *bases]

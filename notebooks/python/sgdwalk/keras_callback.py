"""Record from Keras, and from other libraries that call their callbacks as Keras does."""

from __future__ import annotations

import os
from typing import Any, Mapping, Sequence

import numpy as np

from .array_model import ArrayModel
from .arrays import Vector
from .convert import PlacedTree
from .errors import InputError
from .framework_callback import FrameworkCallback
from .trees import leaf_of


class KerasCallback(FrameworkCallback):
    """Records every batch of model.fit() of Keras.

        model.fit(x, y, callbacks=[sgdwalk.KerasCallback("run")])

    out and the options are those of Recorder. A row has the weights before the batch, with their
    units on the first axis (see convert), the moving statistics as state, and the learning rate.
    Keras passes no gradients to callbacks, so grad=True is refused.

    The batch loss is computed from the mean loss that Keras keeps over the epoch, in float32; so
    it is rounded, by about 1e-7 times the number of batches since the epoch began. For a model
    without such a metric it is logs["loss"], as it is.

    Libraries for PyTorch with the same callbacks give set_model a torch.nn.Module; then the
    optimizer is optimizer or model.optimizer, every optimizer.step() is recorded as by
    Recorder.attach(), with its gradient if grad=True, and the batch loss is logs["loss"].
    """

    _modules, _base = ("keras.callbacks", "tf_keras.callbacks"), "Callback"

    def __init__(self, out: str | os.PathLike[str], *, optimizer: Any = None, **options: Any):
        super().__init__(out, **options)
        self._optimizer, self._watched = optimizer, None
        self._variables: KerasVariables | None = None  # None for a torch module
        self._epoch = 0
        self._row: dict[str, float] | None = None  # the numbers before the current batch

    def set_params(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self._watched = model

    def on_train_begin(self, logs: Any = None) -> None:
        model = self._watched
        self._row, self._variables = None, None
        if not hasattr(model, "trainable_variables"):
            optimizer = self._optimizer if self._optimizer is not None else getattr(model, "optimizer", None)
            self._begin(model, optimizer, 0)
            assert self._recorder is not None
            self._recorder.attach()
            return
        if self._options.get("grad"):
            raise InputError("grad is True, but Keras passes no gradients to callbacks")
        together = int(
            np.asarray(getattr(model, "steps_per_execution", getattr(model, "_steps_per_execution", 1)) or 1)
        )
        if together > 1:
            raise InputError(f"steps_per_execution is {together}; callbacks see every batch only if it is 1")
        self._variables = KerasVariables(model)
        self._begin(self._variables, None, 0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._variables is None or self._recorder is None:
            return
        if self._row is not None:
            raise InputError("a batch begins before the last one has ended; pass callbacks=[callback], as a list")
        self._variables.read()
        self._row = {"learning_rate": self._variables.learning_rate(), **self._variables.loss_so_far()}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._recorder is None:
            return
        loss = (logs or {}).get("loss")
        if self._variables is None:
            self._recorder.step(loss, epoch=self._epoch)
            return
        row, self._row = self._row or {}, None
        now = self._variables.loss_so_far()
        if now and now["count"] > row.get("count", 0):
            loss = (now["total"] - row.get("total", 0)) / (now["count"] - row.get("count", 0))
        self._recorder.step(loss, epoch=self._epoch + 1, learning_rate=row["learning_rate"])

    def on_train_end(self, logs: Any = None) -> None:
        if self._variables is not None:
            self._variables.read()
        self._end()


class KerasVariables(ArrayModel):
    """The weights of a model of Keras as they were when read() was called, and its statistics as they are now."""

    def __init__(self, model: Any):
        self._model = model
        self._synchronize()
        tree, variables = _tree_of([*model.trainable_variables, *model.non_trainable_variables])
        placed = PlacedTree(tree, None, None)
        self._parameters = [(variables[leaf.name], leaf.path, place) for leaf, place in placed.parameters]
        self._statistics = [(variables[leaf.name], leaf.path, place) for leaf, place in placed.state]
        self.read()
        super().__init__(self.arrays, {leaf.name: place.kind for leaf, place in placed.parameters})
        self.state_layout = [
            {"name": leaf.name, "kind": place.kind, "shape": list(place.shape)} for leaf, place in placed.state
        ]
        self.name = str(getattr(model, "name", ""))
        self.comment = f"Keras optimizer {getattr(model.optimizer, 'name', type(model.optimizer).__name__)}"

    def read(self) -> None:
        """Read the weights."""
        self._synchronize()
        self.arrays = {"/".join(path): place.stored(leaf_of(path, v).float32()) for v, path, place in self._parameters}

    def state(self, into: Vector) -> None:
        """Copy the moving statistics into a vector, as they are now."""
        self._synchronize()
        at = 0
        for v, path, _ in self._statistics:
            values = leaf_of(path, v).float32().ravel()
            into[at : at + values.size] = values
            at += values.size

    def learning_rate(self) -> float:
        """Return the current learning rate."""
        return float(np.asarray(self._model.optimizer.learning_rate))

    def loss_so_far(self) -> dict[str, float]:
        """Return the sum of the losses of the epoch, weighted by the batch sizes, and the sum of these."""
        self._synchronize()
        for m in getattr(self._model, "metrics", ()):
            if m.name == "loss" and hasattr(m, "total") and hasattr(m, "count"):
                return {"total": float(np.asarray(m.total)), "count": float(np.asarray(m.count))}
        return {}

    def _synchronize(self) -> None:
        """With JAX the values are in the model only after this call."""
        getattr(self._model, "jax_state_sync", lambda: None)()


def _tree_of(variables: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return variables of Keras as a tree, by the parts of their names, and as a flat dict."""
    tree: dict[str, Any] = {}
    flat: dict[str, Any] = {}
    for v in variables:
        path = str(getattr(v, "path", v.name)).split(":")[0].split("/")
        part = tree
        for key in path[:-1]:
            part = part.setdefault(key, {})
        if not isinstance(part, dict) or path[-1] in part:
            raise InputError(f"two variables of the model have the name {'/'.join(path)!r}; give their layers names")
        part[path[-1]] = flat["/".join(path)] = v
    return tree, flat

"""The layout of a model: the names, kinds and shapes of its tensors, in the order of theta."""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Union

from .array_model import ArrayModel
from .arrays import Entry
from .errors import InputError
from .torch_model import TorchModel

Model = Union[TorchModel, ArrayModel]


def layout_of(model: Any) -> dict[str, list[Entry]]:
    """Return the layout of a model, for `sgdwalk import --layout` of its checkpoints.

        json.dump(layout_of(model), open("layout.json", "w"))

    model is a torch.nn.Module or a dict of arrays, as for Recorder.
    """
    read = model_of(model)
    return {"layout": read.layout, "state_layout": read.state_layout}


def model_of(model: Any, kinds: Mapping[str, str] | None = None, state: Sequence[str] = ()) -> Model:
    """Return the object that reads and writes the parameters of a model.

    Raises InputError if the model is not a torch.nn.Module or a dict of arrays, if it has no
    parameters, or if kinds names a tensor that it does not have.
    """
    kinds = kinds or {}
    read: Model
    if isinstance(model, ArrayModel):
        read = model
    elif isinstance(model, Mapping):
        read = ArrayModel(model, kinds)
    elif hasattr(model, "named_parameters"):
        read = TorchModel(model, state)
    else:
        raise InputError(
            f"the model is a {type(model).__name__}; it must be a torch.nn.Module or a dict of numpy arrays"
        )
    set_kinds(read, kinds)
    return read


def set_kinds(model: Model, kinds: Mapping[str, str]) -> None:
    """Set the kinds of some tensors, by name."""
    names = [t["name"] for t in model.layout]
    if not names:
        raise InputError("the model has no parameters")
    unknown = sorted(set(kinds) - set(names))
    if unknown:
        raise InputError(f"kinds names {unknown}; the model has {names}")
    for t in model.layout:
        t["kind"] = kinds.get(t["name"], t["kind"])

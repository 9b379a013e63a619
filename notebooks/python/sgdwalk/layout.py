"""The layout of a model: the names, kinds and shapes of its tensors, in the order of theta."""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Union

from .array_model import ArrayModel
from .arrays import Entry
from .errors import InputError
from .torch_model import TorchModel

Model = Union[TorchModel, ArrayModel]


Axes = Mapping[str, Sequence[Union[str, None]]]


def layout_of(model: Any, axes: Axes | None = None) -> dict[str, list[Entry]]:
    """Return the layout of a model, for `sgdwalk import --layout` of its checkpoints.

        json.dump(layout_of(model), open("layout.json", "w"))

    model is a torch.nn.Module or a dict of arrays, as for Recorder.

    axes names the hidden units on the axes of every tensor, for --align, which permutes them:

        axes = {"conv.weight": ["c", "input", None, None], "conv.bias": ["c"],
                "fc.weight": ["output", "c*16"], "fc.bias": ["output"]}

    Equal names are equal units. None, "input" and "output" are never permuted. "c*16" is a
    flattened image with 16 pixels of every unit, and "c+d" are the units c and d one after the
    other. Buffers such as running_mean have names too.
    """
    read = model_of(model)
    set_axes(read, axes or {})
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


def set_axes(model: Model, axes: Axes) -> None:
    """Set the names of the axes of tensors and buffers, by name. The program checks whether they fit."""
    entries = {t["name"]: t for t in (*model.layout, *model.state_layout)}
    unknown = sorted(set(axes) - set(entries))
    if unknown:
        raise InputError(f"axes names {unknown}; the model has {sorted(entries)}")
    for name, names in axes.items():
        shape = entries[name]["shape"]
        if isinstance(names, str) or len(names) != len(shape):
            raise InputError(
                f"axes of {name!r} is {names!r}; it must be a list of {len(shape)} names, for the shape {shape}"
            )
        entries[name]["axes"] = list(names)

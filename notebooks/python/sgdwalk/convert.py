"""Turn trees of arrays (JAX, Flax, Haiku) and weight files of Keras into checkpoints that every analysis reads."""

from __future__ import annotations

import fnmatch
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence, Union

import numpy as np

from .arrays import Array, Entry
from .errors import InputError, RunExistsError
from .keras_files import Weights, read_weights
from .tensor_file import StoredTensor, read_tensors, write_new, write_tensors
from .trees import CODES, Leaf, leaves_of, rebuilt
from .units import STATISTICS, TensorPlace, orientation, place_of, unmoved, units_first
from .values import whole
from .words import listed

Kinds = Mapping[str, str]
Units = Mapping[str, Union[int, Sequence[int]]]

_LAYOUT = "layout.json"
_OPTIMIZERS = ("opt_state", "optimizer", "optimizer_state")  # in a dict with "params"
_KINDS = ("filter", "weight", "bias", "norm_scale", "norm_shift", "running_mean", "running_variance", "other")


class Converted(NamedTuple):
    """What convert() wrote: the checkpoint, the layout for --layout, and its decisions as sentences."""

    path: str
    layout: str
    notes: list[str]

    def __str__(self) -> str:
        return "\n".join([f"{self.path} (use it with --layout {self.layout})", *self.notes])


class TreeArrays(dict):  # type: ignore[type-arg]
    """The parameters of a tree by name, float32, with their units first; kinds has their kinds by name."""

    kinds: dict[str, str]


def convert(
    tree: Any,
    path: str | os.PathLike[str],
    step: int | None = None,
    *,
    kinds: Kinds | None = None,
    units: Units | None = None,
) -> Converted:
    """Write one checkpoint of a series, which every analysis reads.

        sgdwalk.convert(state.params, f"series/step{step:06d}.safetensors", step)
        sgdwalk.convert("weights-10.weights.h5", "series/step10.safetensors", 10)

    Then: sgdwalk pca series --layout series/layout.json

    Args:
        tree: a nested tree of dicts, lists and tuples whose leaves are arrays (parameters of JAX,
            Flax or Haiku; {"params": ..., "batch_stats": ...}), or the path of a file of Keras
            (.weights.h5, .keras, .h5; needs h5py).
        path: the new file. The layout of the series is layout.json in its folder; the first call
            writes it, and later ones check that their tensors are the same.
        step: the number of updates that the training had made; without it, the name of the file
            must have the step.
        kinds: kinds by patterns of names, such as {"*/gate": "weight"}, where they are guessed wrong.
        units: unit axes by patterns of names, such as {"head/kernel": 0}; a tuple for several axes.

    A kernel of Flax and Keras has its units on the last axis (a transposed convolution of Keras
    on the one before it). The layout of sgdwalk has units on the first axis, so such tensors are
    transposed, as PyTorch has them: (out, in) and (out, in, height, width). restore() transposes
    them back. Types stay as they are. Statistics become state. Counters and keys are left out.
    The notes of the result name what was transposed, left out, or could not be found out.

    The file is written whole or not at all, and an existing one is never replaced (RunExistsError).
    """
    target = os.fspath(path)
    if not target.endswith(".safetensors"):
        raise InputError(f"path is {target!r}; the name of a checkpoint must end with .safetensors")
    metadata = {"format": "pt"}
    if step is not None:
        metadata["step"] = str(whole("step", step))
    source = PlacedTree(tree, kinds, units)
    stored = source.parameters + source.state
    layout = {"layout": _entries(source.parameters), "state_layout": _entries(source.state)}
    if os.path.lexists(target):
        raise RunExistsError(f"{target} exists already: name a new file, or remove it first")
    beside = os.path.join(os.path.dirname(target), _LAYOUT)
    order = _agreed(beside, layout, source.notes)
    stored.sort(key=lambda item: order[item[0].name])
    moved = {leaf.name: place.axes for leaf, place in stored if place.is_moved}
    metadata["sgdwalk.transposed"] = json.dumps(moved)
    write_tensors(
        target,
        [(leaf.name, leaf.type, place.shape) for leaf, place in stored],
        (place.stored(leaf.bits()) for leaf, place in stored),
        metadata,
    )
    return Converted(target, beside, source.notes)


def arrays_of(tree: Any, *, kinds: Kinds | None = None, units: Units | None = None) -> TreeArrays:
    """Return the parameters of a tree as {name: float32 array} with their units first, as copies.

    Recorder and the analyses take this dict as a model. Its attribute kinds has the kinds:

        arrays = sgdwalk.arrays_of(params)
        with sgdwalk.Recorder(arrays, out="run", kinds=arrays.kinds, grad=True) as recorder:
            for x, y in batches:
                loss, grads = value_and_grad(params, x, y)
                arrays.update(sgdwalk.arrays_of(params))
                recorder.step(loss, grads=sgdwalk.arrays_of(grads), learning_rate=0.1)
                params = update(params, grads)
            arrays.update(sgdwalk.arrays_of(params))

    Statistics and counters are left out. The arguments are those of convert().
    """
    source = PlacedTree(tree, kinds, units)
    out = TreeArrays((leaf.name, place.stored(leaf.float32())) for leaf, place in source.parameters)
    out.kinds = {leaf.name: place.kind for leaf, place in source.parameters}
    return out


def restore(source: Any, like: Any, *, kinds: Kinds | None = None, units: Units | None = None) -> Any:
    """Return the arrays of a checkpoint as the tree that it was converted from: the inverse of convert().

        params = sgdwalk.restore("series/step000100.safetensors", like=params)
        params = sgdwalk.restore(run.arrays(-1), like=params)

    Args:
        source: a file that convert() wrote, or {name: array} with the units first, as arrays_of(),
            run.arrays() and the loss functions of analyses have it.
        like: a tree of the same form, or the file of Keras; its arrays are not used. Parts that
            convert() left out come from it.
        kinds, units: as they were given to convert().

    Leaves are numpy arrays with the shapes and the types of like. Mappings become dicts.
    """
    given: Mapping[str, Any] = read_tensors(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else source
    form = PlacedTree(like, kinds, units)
    places = {leaf.name: (leaf, place) for leaf, place in form.parameters + form.state}

    def value(name: str, leaf: Any) -> Any:
        if name not in places:
            return leaf
        if name not in given:
            if places[name][1].is_state and not isinstance(source, (str, os.PathLike)):
                return leaf
            raise InputError(f"source has no {name!r}; it has {listed(list(given))}")
        return _back(name, given[name], *places[name])

    return rebuilt(form.tree, value)


def _back(name: str, value: Any, leaf: Leaf, place: TensorPlace) -> Array:
    """Return a stored tensor as the leaf of a tree, with the type of the leaf if that is possible."""
    bits = value.bits if isinstance(value, StoredTensor) else np.asarray(value)
    if bits.shape != place.shape:
        raise InputError(f"{name!r} has the shape {list(bits.shape)} in source; like needs {list(place.shape)}")
    array = place.original(bits)
    if isinstance(value, StoredTensor):
        if value.type == leaf.type:
            return array.view(leaf.array.dtype)
        if value.type == "bfloat16":
            array = Leaf((name,), array, value.type).float32()
    is_raw = leaf.array.dtype.kind == "V" and leaf.array.dtype.name not in CODES  # bfloat16 without ml_dtypes
    return array if is_raw else array.astype(leaf.array.dtype)


class PlacedTree:
    """A tree or a file, with the places of its tensors.

    parameters and state have the leaves that are stored, each with its place, and notes the decisions.
    """

    def __init__(self, tree: Any, kinds: Kinds | None, units: Units | None):
        self.notes: list[str] = []
        file = Weights(tree, {}, [])
        if isinstance(tree, (str, os.PathLike)):
            file = read_weights(os.fspath(tree))
        self.tree = file.tree
        leaves = leaves_of(self.tree)
        collections = list(tree.keys()) if hasattr(tree, "keys") else []
        only = "params" if "params" in collections else None  # the other collections of Flax are state
        if only:
            file.left_out.extend(k for k in _OPTIMIZERS if k in collections)
            leaves = [leaf for leaf in leaves if leaf.path[0] not in file.left_out]
        if leaves and not leaves[0].path:
            raise InputError('the tree is one array without a name; give it one: {"name": array}')
        kept = [leaf for leaf in leaves if leaf.is_floating and leaf.array.size]
        if not kept:
            raise InputError("the tree has no array of floating-point numbers")
        guessed = list(zip(kept, _places(leaves, kept, file.layers, only)))
        placed = list(_corrected(guessed, kinds or {}, units or {}))
        self.parameters = [(leaf, place) for leaf, place in placed if not place.is_state]
        self.state = [(leaf, place) for leaf, place in placed if place.is_state]
        if not self.parameters:
            raise InputError(f"the tree has only statistics and no parameters: {listed([x.name for x in kept])}")
        self._note("transposed, so that their units are on the first axis", [x for x, p in placed if p.is_moved])
        dropped = [leaf for leaf in leaves if not leaf.is_floating or not leaf.array.size]
        self._note("left out, because they are counters, keys or empty", dropped)
        if file.left_out:
            self.notes.append(f"left out, because they are no weights of the model: {listed(file.left_out)}")
        for doubt in sorted({place.doubt for _, place in placed if place.doubt}):
            self._note(
                f"of the kind other, because {doubt}; kinds= and units= say it",
                [leaf for leaf, place in placed if place.doubt == doubt],
            )

    def _note(self, what: str, leaves: Sequence[Leaf]) -> None:
        if leaves:
            self.notes.append(f"{what}: {listed([leaf.name for leaf in leaves])}")


def _places(
    leaves: Sequence[Leaf], kept: Sequence[Leaf], layers: Mapping[str, str], only: str | None
) -> Iterator[TensorPlace]:
    """Yield the place of each leaf that is kept. only is the collection that has the parameters, if it has some."""
    members: dict[tuple[str, ...], dict[str, tuple[int, ...]]] = {}
    for leaf in leaves:
        members.setdefault(leaf.path[:-1], {})[leaf.path[-1]] = leaf.array.shape
    pairs_first = orientation(list(members.values()))
    for leaf in kept:
        layer = next((layers[part] for part in reversed(leaf.path) if part in layers), "")
        place = place_of(leaf.path, members[leaf.path[:-1]], layer, pairs_first)
        if only is not None and leaf.path[0] != only and not place.is_state:
            place = unmoved("other", leaf.array.shape, is_state=True)
        yield place


def _corrected(
    placed: Sequence[tuple[Leaf, TensorPlace]], kinds: Kinds, units: Units
) -> Iterator[tuple[Leaf, TensorPlace]]:
    """Yield the leaves with the kinds and the unit axes that the caller gives."""
    _check_patterns("kinds", kinds, placed)
    _check_patterns("units", units, placed)
    for kind in kinds.values():
        if kind not in _KINDS:
            raise InputError(f"kinds has the kind {kind!r}; allowed are {', '.join(_KINDS)}")
    for leaf, place in placed:
        kind = next((k for p, k in kinds.items() if fnmatch.fnmatchcase(leaf.name, p)), place.kind)
        axes = next((u for p, u in units.items() if fnmatch.fnmatchcase(leaf.name, p)), None)
        if axes is not None:
            axes = (axes,) if isinstance(axes, int) else tuple(axes)
            n = leaf.array.ndim
            if not axes or len({i % n for i in axes if -n <= i < n}) != len(axes):
                raise InputError(f"units of {leaf.name!r} are {axes}; allowed are different axes from {-n} to {n - 1}")
            if kind == "other":
                kind = "weight" if n == 2 or len(axes) > 1 else "filter"
            place = replace(units_first(kind, leaf.array.shape, axes), is_state=place.is_state)
        if axes is not None or kind != place.kind:
            is_state = place.is_state if kind == place.kind else kind in STATISTICS.values()
            place = replace(place, kind=kind, is_state=is_state, doubt="")
        yield leaf, place


def _check_patterns(what: str, given: Mapping[str, Any], placed: Sequence[tuple[Leaf, TensorPlace]]) -> None:
    names = [leaf.name for leaf, _ in placed]
    unknown = [p for p in given if not any(fnmatch.fnmatchcase(n, p) for n in names)]
    if unknown:
        raise InputError(f"{what} names {listed(unknown)}; the tree has {listed(names)}")


def _entries(stored: Sequence[tuple[Leaf, TensorPlace]]) -> list[Entry]:
    return [{"name": leaf.name, "kind": place.kind, "shape": list(place.shape)} for leaf, place in stored]


def _agreed(path: str, layout: dict[str, list[Entry]], notes: Sequence[str]) -> dict[str, int]:
    """Write the layout of a series, or compare it with the one that is there. Return the order of its tensors."""

    def write(into: Callable[[bytes], object]) -> None:
        into(json.dumps({**layout, "comment": "; ".join(notes)}, indent=1).encode() + b"\n")

    try:
        write_new(path, write)
    except RunExistsError:
        pass
    try:
        there = json.loads(Path(path).read_bytes())
        known = {t["name"]: (part, t["kind"], t["shape"]) for part in layout for t in there.get(part, [])}
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path} is not a layout: {e}") from None
    mine = {t["name"]: (part, t["kind"], t["shape"]) for part, tensors in layout.items() for t in tensors}
    for name in {**mine, **known}:
        if mine.get(name) != known.get(name):
            raise InputError(
                f"{name!r} is {_words(mine.get(name))} in the tree and {_words(known.get(name))} in {path}; "
                "every checkpoint of a series has the same tensors"
            )
    return {name: i for i, name in enumerate(known)}


def _words(entry: Any) -> str:
    return "missing" if entry is None else f"{entry[1]} of shape {entry[2]}"

"""Read the weights of Keras from HDF5 files, as a nested dict with the names of Keras."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from typing import Any, BinaryIO, Iterator, Mapping, NamedTuple

import numpy as np

from .arrays import Array
from .errors import InputError

# What the numbers in vars/ mean, by the class of the layer: trainable variables come first.
_VARIABLES = {
    "embedding": ("embeddings",),
    "separable_conv1_d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "separable_conv2_d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    **dict.fromkeys(("lstm_cell", "gru_cell", "simple_rnn_cell"), ("kernel", "recurrent_kernel", "bias")),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "layer_normalization": ("gamma", "beta"),
    "group_normalization": ("gamma", "beta"),
    "rms_normalization": ("gamma",),
}
_KERNEL_AND_BIAS = re.compile(r"(depthwise_)?conv\dd(_transpose)?|dense|einsum_dense|(query|key|value|output)_dense")


class Weights(NamedTuple):
    """The weights of a file.

    tree is a nested dict of arrays. layers has the classes of the layers that the file names, by
    the name of the layer. left_out has the groups that are no weights of the model.
    """

    tree: dict[str, Any]
    layers: dict[str, str]
    left_out: list[str]


class RawBfloat16:
    """An array of bfloat16, given by its bits."""

    class dtype:
        """The type, as numpy would name it."""

        name = "bfloat16"

    def __init__(self, bits: Array):
        self.shape, self._bits = bits.shape, bits

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._bits


def read_weights(path: str) -> Weights:
    """Read a file of Keras: .weights.h5 and .keras of Keras 3, or .h5 of Keras 2.

    Raises InputError if h5py is not installed, or the file is not one of these.
    """
    with _opened(path) as file:
        if "layer_names" in file.attrs or "layer_names0" in file.attrs or "model_weights" in file:
            return _keras2(path, file)
        if any(name.split("/")[-1] == "vars" for name in _groups(file)):
            return _keras3(file)
    raise InputError(f"{path} has no weights of Keras: neither layer_names nor groups named vars")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Any]:
    try:
        import h5py
    except ImportError:
        raise InputError(f"{path} is an HDF5 file; install h5py to read it") from None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                file: BinaryIO = io.BytesIO(archive.read("model.weights.h5"))
        else:
            file = io.open(path, "rb")
        with file, h5py.File(file, "r") as opened:
            yield opened
    except (OSError, KeyError, zipfile.BadZipFile) as e:
        raise InputError(f"{path} cannot be read as a file of Keras: {' '.join(str(e).split())}") from None


def _keras2(path: str, file: Any) -> Weights:
    root = file["model_weights"] if "model_weights" in file else file
    tree: dict[str, Any] = {}
    for layer in [*_names(root, "layer_names"), *(n for n in ("top_level_model_weights",) if n in root)]:
        if layer not in root:
            raise InputError(f"{path} has no layer {layer!r}, which its layer_names has")
        for name in _names(root[layer], "weight_names"):
            if name not in root[layer]:
                raise InputError(f"{path} has no weight {name!r} in the layer {layer!r}, which its weight_names has")
            parts = re.sub(r":\d+$", "", name).split("/")
            parts = parts[parts.index(layer) :] if layer in parts[:-1] else [layer, *parts]
            _put(tree, parts, _dataset(root[layer][name]))
    layers: dict[str, str] = {}
    config = file.attrs.get("model_config")
    if config is not None:
        _find_classes(json.loads(config), layers)
    return Weights(tree, layers, [n for n in file if "optimizer" in n])


def _keras3(file: Any) -> Weights:
    tree: dict[str, Any] = {}
    left_out = [n for n in file if "optimizer" in n or "metric" in n or "loss_tracker" in n]
    for group in _groups(file):
        parts = group.split("/")
        if parts[-1] == "vars" and parts[0] not in left_out:
            variables = file[group]
            for key, name in _variable_names(parts[:-1], variables).items():
                _put(tree, [*parts[:-1], name], _dataset(variables[key]))
    return Weights(tree, {}, left_out)


def _variable_names(layer: list[str], variables: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the variables of a layer, by their numbers. A number stays if its meaning is not known."""
    keys = sorted(variables, key=lambda k: (not k.isdigit(), int(k) if k.isdigit() else 0, k))
    sort = re.sub(r"(_\d+)?$", "", layer[-1]).lstrip("_") if layer else ""
    names: tuple[str, ...] = _VARIABLES.get(sort, ())
    if _KERNEL_AND_BIAS.fullmatch(sort):
        names = "kernel", "bias"
    if "normalization" in sort and len(keys) < len(names):  # no gamma or no beta: which one is not in the file
        names = ("0", *names[2:])[-len(keys) :]
    names = names if len(keys) <= len(names) else ()
    return {k: names[i] if i < len(names) and k.isdigit() else k for i, k in enumerate(keys)}


def _find_classes(config: Any, into: dict[str, str]) -> None:
    """Find the classes of all layers in the configuration of a model, by the names of the layers."""
    if isinstance(config, dict):
        settings = config.get("config")
        if isinstance(config.get("class_name"), str) and isinstance(settings, dict) and "name" in settings:
            into[str(settings["name"])] = config["class_name"]
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            _find_classes(part, into)


def _groups(file: Any) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, thing: found.append(name) if hasattr(thing, "keys") else None)
    return found


def _names(group: Any, attribute: str) -> list[str]:
    """Return an attribute that is a list of names; long ones are divided into numbered attributes."""
    parts = [group.attrs[attribute]] if attribute in group.attrs else []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{attribute}{len(parts)}"])
    return [n.decode() if isinstance(n, bytes) else str(n) for part in parts for n in part]


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    if path[-1] in tree:
        raise InputError(f"two weights of the file have the name {'/'.join(path)!r}")
    tree[path[-1]] = value


def _dataset(dataset: Any) -> Any:
    values = np.asarray(dataset)
    if dataset.attrs.get("dtype") == "bfloat16" and values.dtype.name != "bfloat16":
        return RawBfloat16(values)
    return values

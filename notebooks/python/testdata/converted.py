"""Trees of JAX and Flax and files of Keras as checkpoints: kinds, units, types, errors, round trips, and analyses
of the series. The norms of the filters are computed here, from the original arrays. python3 converted.py FOLDER"""

import importlib
import json
import os
import pathlib
import subprocess
import sys
import typing
import zipfile

import numpy as np

import sgdwalk

work = pathlib.Path(sys.argv[1])
random = np.random.default_rng(1)


def new(*shape, dtype=np.float32):
    return random.normal(size=shape).astype(dtype)


class Frozen:
    """A mapping that is no dict and no Mapping, as flax.core.FrozenDict once was."""

    def __init__(self, members):
        self._members = members

    def keys(self):
        return self._members.keys()

    def items(self):
        return self._members.items()


class Array:
    """An array of another library: numpy can convert it."""

    def __init__(self, values):
        self._values, self.dtype, self.shape = values, values.dtype, values.shape

    def __array__(self, dtype=None, copy=None):
        return self._values


class Box:
    """A partitioned parameter, as flax.linen.Partitioned."""

    def __init__(self, value):
        self.value = value


class Bfloat16:
    """A stand-in for an array of bfloat16 without ml_dtypes: numpy sees two bytes an element."""

    class dtype:
        name = "bfloat16"

    def __init__(self, values):
        self.bits, self.shape = (values.view(np.uint32) >> 16).astype(np.uint16), values.shape

    def __array__(self, dtype=None, copy=None):
        return self.bits.view("V2")


class Pair(typing.NamedTuple):
    kernel: np.ndarray
    bias: np.ndarray


def layout(converted):
    both = json.loads(pathlib.Path(converted.layout).read_text())
    return {t["name"]: (t["kind"], t["shape"]) for part in ("layout", "state_layout") for t in both[part]}


def same(a, b, path=""):
    """Compare two trees: forms, types and bits."""
    if hasattr(a, "items"):
        assert set(a.keys()) == set(b.keys()), path
        for key, part in a.items():
            same(part, b[key], f"{path}/{key}")
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b), path
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{path}/{i}")
    elif a is None:
        assert b is None, path
    else:
        a, b = np.asarray(getattr(a, "value", a)), np.asarray(getattr(b, "value", b))
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), (path, a, b)


def refused(text, call, *args, error=sgdwalk.InputError, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        assert text in str(e) and "\n" not in str(e), (text, str(e))
        return
    raise AssertionError(f"no {error.__name__} with {text!r}")


def load(path):
    """Read a safetensors file by the format's own description, apart from the package."""
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[:8], "little")
    assert size % 8 == 0  # so that the values are aligned
    head = json.loads(data[8 : 8 + size])
    types = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "BF16": "<u2"}
    out = {}
    for name, entry in head.items():
        if name != "__metadata__":
            begin, end = (8 + size + at for at in entry["data_offsets"])
            out[name] = np.frombuffer(data[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
    return head["__metadata__"], out


# A tree of Flax with everything that it may have. units: the axes of the units, as the layers of
# Flax define them; the norms of all filters follow from the original arrays.
units = {
    "Conv_0/kernel": (-1,),
    "Conv_1d/kernel": (-1,),
    "ConvDepthwise/kernel": (-1,),  # feature_group_count: (3, 3, 1, out)
    "ConvTranspose_0/kernel": (-1,),
    "Dense_0/kernel": (-1,),
    "Half/kernel": (-1,),
    "Brain/kernel": (-1,),
    "Double/kernel": (-1,),
    "Attention_0/query/kernel": (1, 2),
    "Attention_0/key/kernel": (1, 2),
    "Attention_0/out/kernel": (-1,),
    "ScanBlock/Dense_0/kernel": (0, -1),  # three layers in one array
    "Embed_0/embedding": (0,),
    "named/kernel": (-1,),
    "Position": (0,),
}
brain = Bfloat16(new(6, 3))
params = {
    "Conv_0": {"kernel": new(3, 3, 2, 5), "bias": new(5)},
    "Conv_1d": {"kernel": new(4, 3, 6)},
    "ConvDepthwise": {"kernel": new(3, 3, 1, 5), "bias": new(5)},
    "ConvTranspose_0": {"kernel": new(2, 2, 4, 4), "bias": new(4)},
    "BatchNorm_0": {"scale": new(5), "bias": new(5)},
    "Dense_0": {"kernel": Array(new(10, 4)), "bias": Array(new(4))},
    "Half": {"kernel": new(4, 3, dtype=np.float16)},
    "Brain": {"kernel": brain, "bias": new(3)},
    "Double": {"kernel": new(4, 3, dtype=np.float64)},
    "Attention_0": {
        "query": {"kernel": new(8, 2, 4), "bias": new(2, 4)},
        "key": {"kernel": new(8, 2, 4)},
        "out": {"kernel": Box(new(2, 4, 8)), "bias": new(8)},
    },
    "ScanBlock": {"Dense_0": {"kernel": new(3, 7, 6), "bias": new(3, 6)}},
    "LayerNorm_0": {"scale": new(8)},
    "Embed_0": {"embedding": new(11, 8)},
    "named": Pair(new(5, 4), new(4)),
    "scalar": new(),
    "Position": new(7, 8),
    "nothing": None,
}
tree = Frozen(
    {
        "params": Frozen(params),
        "batch_stats": {"BatchNorm_0": {"mean": new(5), "var": new(5), "count": np.int32(7)}},
        "cache": {"memory": new(2, 3)},
        "opt_state": [new(3), new(4)],
        "empty": new(0, 3),
    }
)
made = sgdwalk.convert(tree, work / "flax/step000010.safetensors", 10)
kinds = layout(made)
expected = {
    "params/Conv_0/kernel": ("filter", [5, 2, 3, 3]),
    "params/Conv_0/bias": ("bias", [5]),
    "params/Conv_1d/kernel": ("filter", [6, 3, 4]),
    "params/ConvDepthwise/kernel": ("filter", [5, 1, 3, 3]),
    "params/ConvDepthwise/bias": ("bias", [5]),
    "params/ConvTranspose_0/kernel": ("filter", [4, 4, 2, 2]),
    "params/ConvTranspose_0/bias": ("bias", [4]),
    "params/BatchNorm_0/scale": ("norm_scale", [5]),
    "params/BatchNorm_0/bias": ("norm_shift", [5]),
    "params/Dense_0/kernel": ("weight", [4, 10]),
    "params/Dense_0/bias": ("bias", [4]),
    "params/Half/kernel": ("weight", [3, 4]),
    "params/Brain/kernel": ("weight", [3, 6]),
    "params/Brain/bias": ("bias", [3]),
    "params/Double/kernel": ("weight", [3, 4]),
    "params/Attention_0/query/kernel": ("weight", [8, 8]),
    "params/Attention_0/query/bias": ("bias", [2, 4]),
    "params/Attention_0/key/kernel": ("weight", [8, 8]),
    "params/Attention_0/out/kernel": ("weight", [8, 8]),
    "params/Attention_0/out/bias": ("bias", [8]),
    "params/ScanBlock/Dense_0/kernel": ("weight", [18, 7]),
    "params/ScanBlock/Dense_0/bias": ("bias", [3, 6]),
    "params/LayerNorm_0/scale": ("norm_scale", [8]),
    "params/Embed_0/embedding": ("weight", [11, 8]),
    "params/named/kernel": ("weight", [4, 5]),
    "params/named/bias": ("bias", [4]),
    "params/scalar": ("other", []),
    "params/Position": ("other", [7, 8]),
    "batch_stats/BatchNorm_0/mean": ("running_mean", [5]),
    "batch_stats/BatchNorm_0/var": ("running_variance", [5]),
    "cache/memory": ("other", [2, 3]),
}
assert kinds == expected, [(n, kinds.get(n), e) for n, e in expected.items() if kinds.get(n) != e]
states = [t["name"] for t in json.loads(pathlib.Path(made.layout).read_text())["state_layout"]]
assert states == ["batch_stats/BatchNorm_0/mean", "batch_stats/BatchNorm_0/var", "cache/memory"], states
notes = "\n".join(made.notes)
assert (
    "'params/Conv_0/kernel'" in notes and "counters, keys or empty: 'batch_stats/BatchNorm_0/count', 'empty'" in notes
)
assert "no weights of the model: 'opt_state'" in notes and "units are unknown; kinds= and units= say it" in notes, notes
assert str(made).startswith(f"{work}/flax/step000010.safetensors (use it with --layout {work}/flax/layout.json)\n")

# The file: the values of the units' axes, with their own types, and what was transposed.
metadata, stored = load(made.path)
assert metadata["step"] == "10" and list(stored) == list(kinds)
assert json.loads(metadata["sgdwalk.transposed"])["params/Conv_0/kernel"] == [3, 2, 0, 1]
assert stored["params/Half/kernel"].dtype == np.float16 and stored["params/Double/kernel"].dtype == np.float64
assert np.array_equal(stored["params/Brain/kernel"], brain.bits.T)
kernel = params["Conv_0"]["kernel"]
for out in range(5):
    for into in range(2):
        assert np.array_equal(stored["params/Conv_0/kernel"][out, into], kernel[:, :, into, out])
same(tree, sgdwalk.restore(made.path, like=tree))

# Filter normalization takes the right filters: every filter of a random direction has the norm
# of the weights into its unit, computed here from the original arrays and the axes above.
arrays = sgdwalk.arrays_of(tree)
plane = sgdwalk.Analyses(work / "flax").landscape(
    lambda arrays: float(np.square(arrays["params/Dense_0/kernel"]).mean()),
    arrays,
    grid="3x3",
    plane="random",
    state=False,
    layout=made.layout,
    formats="svg",
    progress=False,
    out=work / "directions",
)
at, checked = 0, 0
for name, values in arrays.items():
    directions = {which: plane.tables["directions"][which][at : at + values.size] for which in "uv"}
    at += values.size
    if kinds[name][0] in ("bias", "norm_scale", "norm_shift") or values.ndim < 2:
        assert not np.any(directions["u"]) and not np.any(directions["v"]), name
        continue
    value = params
    for key in name.split("/")[1:]:
        value = getattr(value, key) if isinstance(value, Pair) else value[key]
    value = np.asarray(getattr(value, "value", value))
    if value.dtype == np.dtype("V2"):
        value = (value.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
    axes = [i % value.ndim for i in units[name.removeprefix("params/")]]
    rest = tuple(i for i in range(value.ndim) if i not in axes)
    norms = np.sqrt((value.astype(np.float64) ** 2).sum(axis=rest)).ravel()
    for direction in directions.values():
        got = np.sqrt((direction.reshape(len(norms), -1) ** 2).sum(axis=1))
        assert np.allclose(got, norms, rtol=1e-6, atol=0), (name, got, norms)  # directions are float32
    checked += len(norms)
assert at == len(plane.tables["directions"]) and checked == 97, (at, checked)

# Arrays for Recorder and for a loss: float32, copies, and back.
assert list(arrays) == [n for n in kinds if n not in states] and arrays.kinds["params/Dense_0/bias"] == "bias"
assert {a.dtype for a in arrays.values()} == {np.dtype(np.float32)}
assert not any(np.shares_memory(a, v) for a in arrays.values() for v in (kernel, params["BatchNorm_0"]["scale"]))
back = sgdwalk.restore(arrays, like=tree)
same(params["Conv_0"], back["params"]["Conv_0"])
assert np.array_equal(back["params"]["Double"]["kernel"], params["Double"]["kernel"].astype(np.float32))
assert back["params"]["Double"]["kernel"].dtype == np.float64 and back["params"]["named"]._fields == ("kernel", "bias")
assert back["batch_stats"]["BatchNorm_0"]["count"] == 7 and len(back["opt_state"]) == 2
assert np.array_equal(back["params"]["Brain"]["kernel"], (brain.bits.astype(np.uint32) << 16).view(np.float32))

# Later checkpoints have the layout of the first one, in any order of the tree.
turned = Frozen(
    {
        "batch_stats": tree._members["batch_stats"],
        "cache": tree._members["cache"],
        "params": dict(reversed(params.items())),
    }
)
second = sgdwalk.convert(turned, work / "flax/step000020.safetensors", 20)
assert list(load(second.path)[1]) == list(stored)
refused("step000020.safetensors exists already", sgdwalk.convert, tree, second.path, 20, error=FileExistsError)
bigger = {**params, "Dense_0": {"kernel": new(10, 5), "bias": new(5)}}
refused(
    "'params/Dense_0/kernel' is weight of shape [5, 10] in the tree and weight of shape [4, 10] in",
    sgdwalk.convert,
    {"params": bigger},
    work / "flax/step30.safetensors",
)
refused(
    "'batch_stats/BatchNorm_0/mean' is missing in the tree and running_mean of shape [5] in",
    sgdwalk.convert,
    {"params": params},
    work / "flax/step30.safetensors",
)
assert sorted(os.listdir(work / "flax")) == ["layout.json", "step000010.safetensors", "step000020.safetensors"]

# Pairs without names: the bias says where the units are; if every layer is square, nothing does.
pairs = sgdwalk.arrays_of([(new(4, 3), new(3)), (new(3, 3), new(3))])
assert [a.shape for a in pairs.values()] == [(3, 4), (3,), (3, 3), (3,)]
first = [(new(3, 4), new(3)), (new(3, 3), new(3))]
assert np.array_equal(sgdwalk.arrays_of(first)["1/0"], first[1][0])  # units first, as the other layer says
square = sgdwalk.convert([(new(3, 3), new(3))], work / "square/0.safetensors", 0)
assert layout(square)["0/0"] == ("other", [3, 3]) and "may be on the first or on the last axis" in square.notes[0]
weights = [(new(3, 3), new(3))]
helped = sgdwalk.arrays_of(weights, units={"*/0": -1})
assert helped.kinds["0/0"] == "weight" and np.array_equal(helped["0/0"], weights[0][0].T)
same(weights, sgdwalk.restore(helped, like=weights, units={"*/0": -1}))
named = sgdwalk.arrays_of({"mine": {"kernel": new(3, 3, 4, 2), "bias": new(8)}})  # the bias says that it is depthwise
assert named["mine/kernel"].shape == (8, 1, 3, 3) and named.kinds["mine/kernel"] == "filter"
counted = {"normalization": {"mean": new(3), "variance": new(3), "count": np.int64(9)}, "dense": {"kernel": new(3, 2)}}
counted = sgdwalk.convert(counted, work / "counted/0.safetensors", 0)
assert layout(counted) == {
    "dense/kernel": ("weight", [2, 3]),
    "normalization/mean": ("running_mean", [3]),
    "normalization/variance": ("running_variance", [3]),
}
state = sgdwalk.convert({"w": new(3, 2), "ema": new(2)}, work / "state/0.safetensors", 0, kinds={"ema": "running_mean"})
assert layout(state) == {"w": ("weight", [2, 3]), "ema": ("running_mean", [2])}

# What is no tree of arrays is one line, and leaves no file.
loop = {"a": new(2)}
loop["b"] = loop
broken = type("Broken", (), {"__array__": lambda self, dtype=None, copy=None: 1 / 0})()
for text, wrong in {
    "the tree at 'a/0' is a str; a tree has arrays in dicts": {"a": ["text"]},
    "the tree at 'a' cannot be read as an array: division by zero": {"a": broken},
    "the tree at 'a' is an array of complex64; parameters are float32": {"a": new(2).astype(np.complex64)},
    "the tree at 'a' is an array of object": {"a": np.array([None, "x"])},
    "two arrays of the tree would have the name 'a/b'": {"a": {"b": new(2)}, "a/b": new(2)},
    "the tree at 'b' contains itself": loop,
    "the tree is one array without a name": new(2),
    "the tree has no array of floating-point numbers": {"step": 3},
    "the tree has only statistics and no parameters: 'bn/moving_mean'": {"bn": {"moving_mean": new(2)}},
    "cannot be read as a file of Keras": str(work / "none.h5"),
}.items():
    refused(text, sgdwalk.convert, wrong, work / "wrong/0.safetensors", 0)
assert not (work / "wrong").exists()
one = {"kernel": new(2, 2)}
refused("must end with .safetensors", sgdwalk.convert, one, work / "wrong/0.npz")
refused("step is -1; it must be a whole number from 0", sgdwalk.convert, one, work / "wrong/0.safetensors", -1)
refused("kinds names 'x'; the tree has 'kernel'", sgdwalk.arrays_of, one, kinds={"x": "bias"})
refused("kinds has the kind 'filters'; allowed are filter,", sgdwalk.arrays_of, one, kinds={"*": "filters"})
refused("units of 'kernel' are (2,); allowed are different axes from -2 to 1", sgdwalk.arrays_of, one, units={"*": 2})
refused("'kernel' has the shape [2, 3] in source; like needs [2, 2]", sgdwalk.restore, {"kernel": new(2, 3)}, one)
refused("source has no 'kernel'; it has 'k'", sgdwalk.restore, {"k": new(2, 2)}, one)
refused("layout.json is not a safetensors file that sgdwalk.convert wrote", sgdwalk.restore, made.layout, one)

# Files of Keras. Without h5py they are refused, and nothing else is.
sys.modules["h5py"] = None
refused("is an HDF5 file; install h5py to read it", sgdwalk.convert, __file__, work / "wrong/0.safetensors", 0)
del sys.modules["h5py"]
h5py = importlib.import_module("h5py")


def keras2(path, layers, config=None, nested=False):
    """Write what Keras 2 writes: a group for each layer, with the attributes layer_names and
    weight_names. Its format is that of keras/src/legacy/saving/legacy_h5_format.py of Keras 3.8,
    which still reads and writes it."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if nested else file
        root.attrs["layer_names"] = [name.encode() for name in layers]
        root.attrs["keras_version"] = b"2.15.0"
        if config:
            file.attrs["model_config"] = json.dumps(config).encode()
            file.create_group("optimizer_weights").attrs["weight_names"] = []
        for name, weights in layers.items():
            group = root.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{w}:0".encode() for w in weights]
            for w, value in weights.items():
                group[f"{name}/{w}:0"] = value


def keras3(file, groups):
    """Write what Keras 3 writes: numbered variables in groups named vars, as H5IOStore of
    keras/src/saving/saving_lib.py of Keras 3.8."""
    with h5py.File(file, "w") as file:
        for path, values in groups.items():
            group = file.create_group(f"{path}/vars")
            for i, value in enumerate(values):
                if isinstance(value, Bfloat16):
                    group.create_dataset(str(i), data=np.asarray(value)).attrs["dtype"] = "bfloat16"
                else:
                    group[str(i)] = value


layers = {
    "conv2d": {"kernel": new(3, 3, 2, 4), "bias": new(4)},
    "bn": dict(zip(("gamma", "beta", "moving_mean", "moving_variance"), new(4, 4))),
    "depth": {"depthwise_kernel": new(3, 3, 4, 2)},
    "up": {"kernel": new(2, 2, 6, 6)},  # a transposed convolution, which only the configuration says
    "lstm": {"lstm_cell/kernel": new(6, 12), "lstm_cell/recurrent_kernel": new(3, 12), "lstm_cell/bias": new(12)},
    "words": {"embeddings": new(9, 6)},
    "dense": {"kernel": new(6, 5), "bias": new(5)},
    "empty": {},
}
config = {
    "class_name": "Functional",
    "config": {"name": "m", "layers": [{"class_name": "Conv2DTranspose", "config": {"name": "up"}}]},
}
keras2(work / "weights.h5", {k: v for k, v in layers.items() if k != "up"})
keras2(work / "model.h5", layers, config, nested=True)
whole = sgdwalk.convert(work / "model.h5", work / "keras2/step5.safetensors", 5)
assert layout(whole) == {
    "conv2d/kernel": ("filter", [4, 2, 3, 3]),
    "conv2d/bias": ("bias", [4]),
    "bn/gamma": ("norm_scale", [4]),
    "bn/beta": ("norm_shift", [4]),
    "depth/depthwise_kernel": ("filter", [8, 1, 3, 3]),
    "up/kernel": ("filter", [6, 6, 2, 2]),
    "lstm/lstm_cell/kernel": ("weight", [12, 6]),
    "lstm/lstm_cell/recurrent_kernel": ("weight", [12, 3]),
    "lstm/lstm_cell/bias": ("bias", [12]),
    "words/embeddings": ("weight", [9, 6]),
    "dense/kernel": ("weight", [5, 6]),
    "dense/bias": ("bias", [5]),
    "bn/moving_mean": ("running_mean", [4]),
    "bn/moving_variance": ("running_variance", [4]),
}, layout(whole)
assert "no weights of the model: 'optimizer_weights'" in "\n".join(whole.notes)
stored = load(whole.path)[1]
assert np.array_equal(stored["up/kernel"][4, 1], layers["up"]["kernel"][:, :, 4, 1])  # the units are axis 2
assert np.array_equal(stored["depth/depthwise_kernel"][5, 0], layers["depth"]["depthwise_kernel"][:, :, 2, 1])
restored = sgdwalk.restore(whole.path, like=work / "model.h5")
same(
    {n: v for n, v in layers.items() if n not in ("empty", "lstm")},
    {n: v for n, v in restored.items() if n != "lstm"},
)
same(layers["lstm"]["lstm_cell/kernel"], restored["lstm"]["lstm_cell"]["kernel"])
assert "up/kernel" not in layout(sgdwalk.convert(work / "weights.h5", work / "weights/0.safetensors", 0))

brain = Bfloat16(new(5, 3))
groups = {
    "layers/conv2d": [new(3, 3, 2, 4), new(4)],
    "layers/conv2d_1": [new(3, 3, 4, 4)],
    "layers/batch_normalization": [*new(4, 4)],
    "layers/batch_normalization_1": [*new(3, 4)],
    "layers/conv2d_transpose": [new(2, 2, 4, 4), new(4)],
    "layers/depthwise_conv2d": [new(3, 3, 4, 2), new(8)],
    "layers/embedding": [new(9, 6)],
    "layers/multi_head_attention/query_dense": [new(6, 2, 3), new(2, 3)],
    "layers/multi_head_attention/output_dense": [new(2, 3, 6), new(6)],
    "layers/lstm/cell": [new(2, 2)],
    "layers/dense": [brain, new(3)],
    "layers/dropout/seed_generator": [np.zeros(2, np.uint32)],
    "layers/my_layer": [new(4, 4), new(4)],
    "optimizer": [np.int64(5), new(3)],
}
keras3(work / "a.weights.h5", groups)
with zipfile.ZipFile(work / "a.keras", "w") as archive:
    archive.write(work / "a.weights.h5", "model.weights.h5")
    archive.writestr("config.json", "{}")
three = sgdwalk.convert(work / "a.weights.h5", work / "keras3/step1.safetensors", 1)
kinds = layout(three)
assert kinds == {
    "layers/conv2d/kernel": ("filter", [4, 2, 3, 3]),
    "layers/conv2d/bias": ("bias", [4]),
    "layers/conv2d_1/kernel": ("filter", [4, 4, 3, 3]),
    "layers/batch_normalization/gamma": ("norm_scale", [4]),
    "layers/batch_normalization/beta": ("norm_shift", [4]),
    "layers/batch_normalization_1/0": ("other", [4]),  # gamma or beta: the file does not say it
    "layers/conv2d_transpose/kernel": ("filter", [4, 4, 2, 2]),
    "layers/conv2d_transpose/bias": ("bias", [4]),
    "layers/depthwise_conv2d/kernel": ("filter", [8, 1, 3, 3]),
    "layers/depthwise_conv2d/bias": ("bias", [8]),
    "layers/embedding/embeddings": ("weight", [9, 6]),
    "layers/multi_head_attention/query_dense/kernel": ("weight", [6, 6]),
    "layers/multi_head_attention/query_dense/bias": ("bias", [2, 3]),
    "layers/multi_head_attention/output_dense/kernel": ("weight", [6, 6]),
    "layers/multi_head_attention/output_dense/bias": ("bias", [6]),
    "layers/lstm/cell/0": ("other", [2, 2]),
    "layers/dense/kernel": ("weight", [3, 5]),
    "layers/dense/bias": ("bias", [3]),
    "layers/my_layer/0": ("other", [4, 4]),
    "layers/my_layer/1": ("bias", [4]),
    "layers/batch_normalization/moving_mean": ("running_mean", [4]),
    "layers/batch_normalization/moving_variance": ("running_variance", [4]),
    "layers/batch_normalization_1/moving_mean": ("running_mean", [4]),
    "layers/batch_normalization_1/moving_variance": ("running_variance", [4]),
}, (
    set(kinds.items()) ^ set()
)
stored = load(three.path)[1]
transposed = groups["layers/conv2d_transpose"][0]
assert np.array_equal(stored["layers/conv2d_transpose/kernel"][3, 1], transposed[:, :, 3, 1])
assert np.array_equal(stored["layers/dense/kernel"], brain.bits.T)
assert "keys or empty: 'layers/dropout/seed_generator/0'" in "\n".join(three.notes), three.notes
same(
    sgdwalk.restore(three.path, like=work / "a.weights.h5")["layers"]["conv2d"]["kernel"],
    groups["layers/conv2d"][0],
)
again = sgdwalk.convert(str(work / "a.keras"), work / "keras3/step2.safetensors", 2)
assert load(again.path)[1].keys() == stored.keys()
with h5py.File(work / "other.h5", "w") as file:
    file["x"] = new(3)
refused("other.h5 has no weights of Keras", sgdwalk.convert, work / "other.h5", work / "wrong/0.safetensors", 0)
refused("cannot be read as a file of Keras", sgdwalk.convert, __file__, work / "wrong/0.safetensors", 0)
with h5py.File(work / "weights.h5", "a") as file:
    del file["dense/dense/bias:0"]
refused(
    "has no weight 'dense/bias:0' in the layer 'dense'",
    sgdwalk.convert,
    work / "weights.h5",
    work / "wrong/0.safetensors",
    0,
)

# A writer that dies leaves nothing behind, and two writers do not mix.
code = f"""
import os, sgdwalk, numpy as np
calls = []
os.fsync = lambda fd: calls.append(fd) or len(calls) == 2 and os._exit(9)  # the layout, then the checkpoint
sgdwalk.convert({{"kernel": np.ones((2, 2))}}, {str(work / "killed/7.safetensors")!r}, 7)
"""
assert subprocess.run([sys.executable, "-c", code]).returncode == 9
assert [n for n in os.listdir(work / "killed") if not n.startswith(".")] == ["layout.json"]

# Every analysis reads a series, also with a loss of the framework's own form.
x, labels = new(40, 5), random.integers(0, 3, 40)
net = {"params": {"Dense_0": {"kernel": new(5, 7), "bias": new(7)}, "Dense_1": {"kernel": new(7, 3), "bias": new(3)}}}


def loss_of(tree):
    p = tree["params"]
    hidden = np.maximum(x @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"], 0)
    logits = hidden @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]
    logits = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(40), labels]))


for step in range(6):
    for part in net["params"].values():
        for name in part:
            part[name] = part[name] + 0.1 * new(*part[name].shape)
    sgdwalk.convert(net, work / f"net/step{step}.safetensors", step)
run = sgdwalk.Analyses(work / "net")
arrays, given = sgdwalk.arrays_of(net), work / "net/layout.json"
loss = lambda arrays: loss_of(sgdwalk.restore(arrays, like=net))
assert abs(loss(arrays) - loss_of(net)) < 1e-6
common = {"layout": given, "progress": False, "formats": "svg"}
assert run.pca(**common, out=work / "pca").summary.explained_variance_ratio
run.path(**common, out=work / "path")
assert run.audit(layout=given, progress=False, out=work / "audit").summary.checkpoints == 6
plane = run.landscape(loss, arrays, grid="5x5", plane="random", **common, out=work / "plane")
middle = plane.tables["grid"][plane.tables["grid"]["a"] == 0]
assert abs(middle["loss"][middle["b"] == 0][0] - loss_of(net)) < 1e-6
run.walk(loss, arrays, segments="0-4", **common, out=work / "walk")
run.line(loss, arrays, **common, out=work / "line")
print("ok")

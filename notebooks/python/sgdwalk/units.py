"""Where the tensors of JAX, Flax and Keras have their units, and which kinds they are.

The tensors of a run have their units on the first axis, as those of PyTorch: row i of a weight
is what goes into unit i. A kernel of Flax or Keras has them on the last axis, or on others. So
such tensors are transposed, and can be transposed back without loss.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Mapping, Sequence

import numpy as np

from .arrays import Array

Shape = tuple[int, ...]

STATISTICS = {
    **dict.fromkeys(("moving_mean", "running_mean"), "running_mean"),
    **dict.fromkeys(("moving_variance", "moving_var", "running_variance", "running_var"), "running_variance"),
}
_KERNELS = ("kernel", "w", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel")
_NORM = re.compile(r"norm|(^|[_/])(bn|ln|gn)\d*(_|/|$)", re.IGNORECASE)
_TRANSPOSED = re.compile(r"conv_?\dd_?transpose|deconv", re.IGNORECASE)  # of Keras; Flax keeps the units last
_TO_HEADS = re.compile(r"^_?(query|key|value|[qkv])(_dense|_proj)?$")
_FROM_HEADS = re.compile(r"^_?(out|out_proj|output_dense|attention_output)$")


@dataclass(frozen=True)
class TensorPlace:
    """The kind of a tensor, and how it is stored with its units first.

    source is the shape in the framework. The tensor is transposed to axes, and then it has the
    shape. is_state: it is a statistic and not a parameter. doubt says what could not be found out.
    """

    kind: str
    source: Shape
    axes: Shape
    shape: Shape
    is_state: bool = False
    doubt: str = ""

    @property
    def is_moved(self) -> bool:
        """Whether the stored tensor has other axes than that of the framework."""
        return self.axes != tuple(range(len(self.source)))

    def stored(self, array: Array) -> Array:
        """Return an array of the framework with its units first."""
        return np.ascontiguousarray(array.transpose(self.axes)).reshape(self.shape)

    def original(self, array: Array) -> Array:
        """Return a stored array as the framework has it: the inverse of stored()."""
        moved = array.reshape([self.source[i] for i in self.axes])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.axes))).reshape(self.source)


def unmoved(kind: str, shape: Shape, is_state: bool = False, doubt: str = "") -> TensorPlace:
    """Return the place of a tensor that is stored as it is."""
    return TensorPlace(kind, shape, tuple(range(len(shape))), shape, is_state, doubt)


def units_first(kind: str, shape: Shape, units: Sequence[int]) -> TensorPlace:
    """Return the place of a tensor with these unit axes.

    A filter has its input axis next and then its window, as in PyTorch: (out, in, height, width).
    Several unit axes become one, and so do the other axes of a weight.
    """
    n = len(shape)
    units = tuple(i % n for i in units)
    if units == (0,):
        return unmoved(kind, shape)
    rest = [i for i in range(n) if i not in units]
    if kind == "filter" and len(units) == 1:
        rest.sort(key=lambda i: (i < n - 2, i))  # the input is one of the last two axes
        sizes = [shape[i] for i in rest]
    elif kind == "filter":
        sizes = [1, *(shape[i] for i in rest)]  # depthwise: one input for each filter
    else:
        sizes = [math.prod(shape[i] for i in rest)] if rest else []
    return TensorPlace(kind, shape, (*units, *rest), (math.prod(shape[i] for i in units), *sizes))


def place_of(path: Sequence[str], members: Mapping[str, Shape], layer: str, pairs_first: bool | None) -> TensorPlace:
    """Return the place of a tensor.

    path has the names of its containers and its own name. members are the shapes of the tensors
    in the same container, by name. layer is the class of the layer if a file says it. pairs_first
    says whether (weights, biases) pairs of this tree have their units first; None: they do not say.
    """
    name = path[-1]
    shape, n = members[name], len(members[name])
    layer = "/".join((*path[-3:-1], layer))
    bias = next((members[b] for b in ("bias", "b") if b in members), None)
    if _is_pair(members):
        if name == "1":
            return unmoved("bias", shape)
        last = members["1"] == shape[-1:] if pairs_first is None else not pairs_first
        if pairs_first is None and members["1"] == shape[:1]:
            return unmoved("other", shape, doubt="its units may be on the first or on the last axis")
        return units_first("weight" if n == 2 else "filter", shape, (n - 1 if last else 0,))
    statistic = STATISTICS.get(name)
    if "batch_stats" in path or "count" in members:  # the layer Normalization of Keras counts
        statistic = statistic or {"mean": "running_mean", "var": "running_variance"}.get(
            name.replace("variance", "var")
        )
    if statistic:
        return unmoved(statistic, shape, is_state=True)
    is_norm = bool(_NORM.search(layer)) or not {"gamma", "beta", *STATISTICS}.isdisjoint(members)
    is_norm = is_norm or "scale" in members and members.keys().isdisjoint(_KERNELS)
    if name == "gamma" or is_norm and name in ("scale", "weight"):
        return unmoved("norm_scale", shape)
    if name == "beta" or is_norm and name in ("bias", "offset", "shift"):
        return unmoved("norm_shift", shape)
    if name == "b" or re.fullmatch(r"bias|bias_.*|.*_bias", name):
        return unmoved("bias", shape)
    if name in ("embedding", "embeddings", "weight", "weights") and n == 2:
        return unmoved("weight", shape)  # one row for each token; or units first, as in PyTorch
    if name in ("weight", "weights") and n > 2:
        return unmoved("filter", shape)
    if name in _KERNELS and n >= 2:
        return _kernel(path, shape, bias, layer)
    return unmoved("other", shape, doubt="its units are unknown" if n >= 2 else "")


def orientation(pairs: Sequence[Mapping[str, Shape]]) -> bool | None:
    """Return whether (weights, biases) pairs have their units first. None: square ones do not say it."""
    found = {m["0"][:1] == m["1"] for m in pairs if _is_pair(m) and (m["0"][:1] == m["1"]) != (m["0"][-1:] == m["1"])}
    return found.pop() if len(found) == 1 else None


def _is_pair(members: Mapping[str, Shape]) -> bool:
    """Return whether a container has exactly the weights and the biases of one layer, without names."""
    if list(members) != ["0", "1"] or len(members["0"]) < 2:
        return False
    return members["1"] in (members["0"][-1:], members["0"][:1])


def _kernel(path: Sequence[str], shape: Shape, bias: Shape | None, layer: str) -> TensorPlace:
    """Return the place of a kernel. Its bias shows the unit axes if it can; otherwise the layer's name does."""
    n, parent = len(shape), path[-2] if len(path) > 1 else ""
    is_depthwise = n >= 3 and ("depthwise" in layer.lower() or path[-1] == "depthwise_kernel")
    options: list[Shape] = [(n - 1,)]
    if n >= 3:
        options.insert(0 if _TRANSPOSED.search(layer) else 1, (n - 2,))
        options += [(n - 2, n - 1), (0, n - 1)]  # heads; a stack of equal layers
    if n >= 4:
        options.append((0, n - 2, n - 1))
    if is_depthwise or n == 3 and _TO_HEADS.match(parent):
        units: Shape = (n - 2, n - 1)
    else:
        units = options[0]
    if bias is not None and not is_depthwise:
        sizes = [tuple(shape[i] for i in o) for o in options]
        if bias in sizes:
            units = options[sizes.index(bias)]
        elif n >= 3 and bias == (shape[-2] * shape[-1],):
            units, is_depthwise = (n - 2, n - 1), True
    is_filter = is_depthwise or n >= 3 and len(units) == 1 and not _FROM_HEADS.match(parent)
    return units_first("filter" if is_filter else "weight", shape, units)

"""The kinds of the parameters of a torch module."""

from __future__ import annotations

import re
from typing import Any

from .layers import joined, named_layers


def kinds_of(module: Any) -> dict[str, str]:
    """Return the kind of every parameter of a torch module, by the layer that owns it.

    Filter normalization and PCA select parameters by kind. Kinds come from the layers and
    are never guessed from names. A parameter of an unknown layer is "weight" if it has two
    or more axes, "bias" if that is its name, and otherwise "other".
    """
    kinds: dict[str, str] = {}
    for prefix, layer in named_layers(module):
        sort = _sort_of(layer)
        for name, p in layer.named_parameters(recurse=False):
            kinds[joined(prefix, name)] = _kind_of(sort, name, p)
    return kinds


def _kind_of(sort: str, name: str, p: Any) -> str:
    if sort == "norm":
        return {"weight": "norm_scale", "bias": "norm_shift"}.get(name, "other")
    if p.is_complex():
        return "other"  # recorded as pairs: the last axis has the real and the imaginary part
    if name == "bias" or name.startswith("bias_"):
        return "bias"
    if sort == "transposed":
        return "other"  # its units are on the second axis
    if sort == "conv":
        return "filter"
    return "weight" if p.dim() >= 2 else "other"


def _sort_of(layer: Any) -> str:
    """Return the sort of a layer that determines the kinds of its parameters, or "" for any other layer."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

    norms = (_NormBase, nn.LayerNorm, nn.GroupNorm, *([nn.RMSNorm] if hasattr(nn, "RMSNorm") else []))
    for sort, classes in (("norm", norms), ("transposed", (_ConvTransposeNd,)), ("conv", (_ConvNd,))):
        if isinstance(layer, classes):
            return sort
    script = getattr(layer, "original_name", "")  # the class that torch.jit.script compiled
    for sort, pattern in (("norm", r"\w+Norm(\dd)?"), ("transposed", r"ConvTranspose\dd"), ("conv", r"Conv\dd")):
        if re.fullmatch(pattern, script):
            return sort
    return ""

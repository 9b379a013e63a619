"""Nested trees of arrays: their leaves by name, and trees that are built again from them."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, NamedTuple

import numpy as np

from .arrays import Array
from .errors import InputError
from .words import described

# Types of safetensors by the names of numpy and ml_dtypes, with the type of their bits.
CODES = {
    "float32": ("F32", "<f4"),
    "float64": ("F64", "<f8"),
    "float16": ("F16", "<f2"),
    "bfloat16": ("BF16", "<u2"),
}


class Leaf(NamedTuple):
    """One array of a tree.

    path has the keys that lead to it. array has the type that the tree has. type is the name of
    the type, also where array has only its bits (bfloat16 without ml_dtypes).
    """

    path: tuple[str, ...]
    array: Array
    type: str

    @property
    def name(self) -> str:
        """The name of the tensor: the keys, joined by slashes."""
        return "/".join(self.path)

    @property
    def is_floating(self) -> bool:
        """Whether the array has numbers that training changes. Others are counters, keys and masks."""
        return self.type in CODES

    def bits(self) -> Array:
        """Return the values as safetensors stores them; bfloat16 as integers of the same bits."""
        kind = CODES[self.type][1]
        array = self.array.view("u2") if self.type == "bfloat16" else self.array
        return array.astype(kind, copy=False)

    def float32(self) -> Array:
        """Return a copy of the values as float32. 16-bit values are widened exactly; float64 is rounded."""
        if self.type == "bfloat16":
            return (self.bits().astype(np.uint32) << np.uint32(16)).view(np.float32)
        return self.array.astype(np.float32)


def leaves_of(tree: Any) -> list[Leaf]:
    """Return the arrays of a tree, in its order.

    A tree is made of mappings, lists and tuples; None is an empty part. A leaf is anything that
    numpy can convert to an array, or a box whose value is such a leaf. Raises InputError that
    names the place of anything else.
    """
    leaves = [leaf_of(path, value) for path, value in _walk((), tree, ())]
    seen: set[str] = set()
    for leaf in leaves:
        if leaf.name in seen:
            raise InputError(f"two arrays of the tree would have the name {leaf.name!r}")
        seen.add(leaf.name)
    return leaves


def rebuilt(tree: Any, value: Callable[[str, Any], Any], path: tuple[str, ...] = ()) -> Any:
    """Return a tree of the same form, with value(name, leaf) for each leaf. Mappings become dicts."""
    items = _items(tree)
    if items is None:
        return None if tree is None else value("/".join(path), tree)
    parts = [(key, rebuilt(part, value, (*path, str(key)))) for key, part in items]
    if not isinstance(tree, (list, tuple)):
        return dict(parts)
    values = [part for _, part in parts]
    return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)


def _items(tree: Any) -> list[tuple[Any, Any]] | None:
    """Return the keys and parts of a container, or None for a leaf."""
    if isinstance(tree, Mapping) or hasattr(tree, "items") and hasattr(tree, "keys"):
        return list(tree.items())
    if isinstance(tree, (list, tuple)):
        return list(zip(getattr(tree, "_fields", range(len(tree))), tree))
    return None


def _walk(path: tuple[str, ...], tree: Any, above: tuple[int, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if id(tree) in above:
        raise InputError(f"{_place(path)} contains itself; a tree of arrays must end")
    items = _items(tree)
    if items is not None:
        for key, part in items:
            yield from _walk((*path, str(key)), part, (*above, id(tree)))
    elif tree is not None:
        yield path, tree


def leaf_of(path: tuple[str, ...], value: Any) -> Leaf:
    """Return one array of a tree. Raises InputError that names the place of anything else."""
    if not hasattr(value, "__array__") and hasattr(value, "value"):
        value = value.value  # the box of a partitioned or mutable array
    if not hasattr(value, "__array__") and not isinstance(value, (bool, int, float, complex)):
        raise InputError(
            f"{_place(path)} is {described(value)}; a tree has arrays in dicts, lists and tuples, and nothing else"
        )
    if str(getattr(value, "dtype", "")).startswith("key<"):
        return Leaf(path, np.zeros(0), "key")  # a generator of random numbers, which numpy cannot show
    try:
        array = np.asarray(value)
    except Exception as e:
        raise InputError(f"{_place(path)} cannot be read as an array: {' '.join(str(e).split())}") from None
    name = array.dtype.name
    if array.dtype.kind == "V" and name not in CODES:
        name = getattr(getattr(value, "dtype", None), "name", name)  # ml_dtypes is not loaded here
    if name not in CODES and array.dtype.kind not in "biu" and not name.startswith(("int", "uint")):
        allowed = "float32, float64, float16 or bfloat16"
        raise InputError(f"{_place(path)} is an array of {name}; parameters are {allowed}")
    return Leaf(path, array, name)


def _place(path: tuple[str, ...]) -> str:
    return f"the tree at {'/'.join(path)!r}" if path else "the tree"

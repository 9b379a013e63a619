"""Write and read checkpoints in the format safetensors."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from pathlib import Path
from typing import Callable, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from .arrays import Array
from .errors import InputError, RunExistsError
from .trees import CODES

_BITS = dict(CODES.values())  # the type of the bits, by the type of safetensors
_NAMES = {code: name for name, (code, _) in CODES.items()}


class StoredTensor(NamedTuple):
    """A tensor of a file: the name of its type, and its bits, with its shape."""

    type: str
    bits: Array


def write_tensors(
    path: str, tensors: Sequence[tuple[str, str, Sequence[int]]], bits: Iterable[Array], metadata: Mapping[str, str]
) -> None:
    """Write a new safetensors file, whole or not at all.

    tensors has the name, the type and the shape of each tensor, and bits their values in the same
    order; they are used one after the other. Raises RunExistsError if the file exists.
    """
    head, at = {"__metadata__": dict(metadata)}, 0
    entries: dict[str, object] = {**head}
    for name, kind, shape in tensors:
        code, element = CODES[kind]
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(element).itemsize
        entries[name] = {"dtype": code, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)

    def write(into: Callable[[bytes], object]) -> None:
        into(struct.pack("<Q", len(text)) + text)
        for array in bits:
            into(np.ascontiguousarray(array).tobytes())

    write_new(path, write)


def read_tensors(path: str) -> dict[str, StoredTensor]:
    """Read all tensors of a safetensors file. Raises InputError if it is not such a file."""
    try:
        data = Path(path).read_bytes()
        size = struct.unpack_from("<Q", data)[0]
        entries = json.loads(data[8 : 8 + size])
        out = {}
        for name, entry in entries.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                values = np.frombuffer(data[8 + size + begin : 8 + size + end], _BITS[entry["dtype"]])
                out[name] = StoredTensor(_NAMES[entry["dtype"]], values.reshape(entry["shape"]))
        return out
    except OSError as e:
        raise InputError(f"{path} cannot be read: {e.strerror}") from None
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as e:
        raise InputError(f"{path} is not a safetensors file that sgdwalk.convert wrote: {e}") from None


def write_new(path: str, write: Callable[[Callable[[bytes], object]], None]) -> None:
    """Write a file that does not exist yet, whole or not at all. Raises RunExistsError if it exists.

    write receives the function that writes bytes. The folder is made if it is missing.
    """
    folder = os.path.dirname(path) or "."
    os.makedirs(folder, exist_ok=True)
    if os.path.lexists(path):
        raise RunExistsError(f"{path} exists already: name a new file, or remove it first")
    handle, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file.write)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(part, 0o666 & ~_umask())
        try:
            os.link(part, path)  # fails if another process has written the file meanwhile
        except FileExistsError:
            raise RunExistsError(f"{path} exists already: another process has written it") from None
        except (OSError, NotImplementedError):  # a file system without links
            if os.path.lexists(path):
                raise RunExistsError(f"{path} exists already: another process has written it") from None
            os.rename(part, path)
            return
    finally:
        if os.path.lexists(part):
            os.unlink(part)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask

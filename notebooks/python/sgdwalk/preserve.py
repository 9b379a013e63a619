"""Leave a model and the random numbers as they were."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from typing import Any, Iterator, Mapping, MutableMapping

import numpy as np

from .errors import InputError

_lock = threading.Lock()
_in_use: set[int] = set()  # ids of the models of the analyses that run now


@contextlib.contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Restore a model and the generators of random numbers when the context ends.

    Of a torch module these are parameters, buffers, gradients, requires_grad and the mode of
    each layer; of a dict of arrays its arrays. The context keeps a copy of the values, on their
    device. The generators are those of random, numpy.random and torch, on all devices.

    Raises InputError if another analysis uses the model now: both would set its parameters.
    """
    with _lock:
        if id(model) in _in_use:
            raise InputError("another analysis uses the model now; wait for its end, or pass a copy of the model")
        _in_use.add(id(model))
    try:
        with _random_numbers(), _arrays(model) if isinstance(model, Mapping) else _module(model):
            yield
    finally:
        with _lock:
            _in_use.discard(id(model))


@contextlib.contextmanager
def _arrays(arrays: Mapping[str, Any]) -> Iterator[None]:
    kept = [(n, a, a.copy()) for n, a in arrays.items()]
    try:
        yield
    finally:
        for name, array, before in kept:
            array[...] = before
            if isinstance(arrays, MutableMapping):
                arrays[name] = array


@contextlib.contextmanager
def _module(module: Any) -> Iterator[None]:
    import torch

    modes = [(layer, layer.training) for layer in module.modules()]
    parameters = [(p, p.data, p.requires_grad, p.grad) for p in module.parameters()]
    with torch.no_grad():
        kept = [(t, t.detach().clone()) for t in [*module.parameters(), *module.buffers()]]
    for p, _, _, _ in parameters:
        p.grad = None  # the tensor is kept; nothing may write zeros into it
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
        for p, data, _, _ in parameters:
            if p.data_ptr() != data.data_ptr():  # it has moved to the memory of theta
                p.data = data
        with torch.no_grad():
            for tensor, before in kept:
                tensor.detach().copy_(before)
        for p, _, requires_grad, grad in parameters:
            p.requires_grad_(requires_grad)
            p.grad = grad


@contextlib.contextmanager
def _random_numbers() -> Iterator[None]:
    torch = sys.modules.get("torch")
    python, numpy_state = random.getstate(), np.random.get_state()
    own = torch.get_rng_state() if torch else None
    cuda = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)
        if torch:
            torch.set_rng_state(own)
            if cuda is not None:
                torch.cuda.set_rng_state_all(cuda)

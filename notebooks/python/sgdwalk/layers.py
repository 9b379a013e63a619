"""The layers of a torch module and their tensors.

PyTorch is imported inside of the functions, because a user without PyTorch has this file too.
"""

from __future__ import annotations

from typing import Any, Iterator

# Attributes by which wrapper modules hold the wrapped module; names of parameters leave them out.
WRAPPERS = ("_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")


def named_layers(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield every layer with its name, without the parts of the name that wrappers add."""
    layers, names = {}, {"": ""}
    for path, layer in module.named_modules():
        layers[path] = layer
        if path:
            parent, _, last = path.rpartition(".")
            wrapped = last in WRAPPERS or last == "module" and is_parallel(layers[parent])
            names[path] = names[parent] if wrapped else joined(names[parent], last)
        yield names[path], layer


def unwrapped(module: Any) -> Any:
    """Return the module inside of wrappers, such as DistributedDataParallel and torch.compile."""
    while any(hasattr(module, w) for w in WRAPPERS) or is_parallel(module):
        module = next(getattr(module, w) for w in (*WRAPPERS, "module") if hasattr(module, w))
    return module


def is_parallel(module: Any) -> bool:
    """Return whether the module is DataParallel or DistributedDataParallel."""
    from torch import nn

    return isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel))


def joined(prefix: str, name: str) -> str:
    """Return the name of a tensor in a layer whose name is prefix."""
    return f"{prefix}.{name}" if prefix else name


def real(t: Any) -> Any:
    """Return a complex tensor as pairs of real and imaginary part, and a real tensor as it is."""
    if not t.is_complex():
        return t
    import torch

    return torch.view_as_real(t.resolve_conj())


def dense_gradient(p: Any) -> Any:
    """Return the gradient of a parameter as a dense real tensor; zeros if it has none."""
    import torch

    if p.grad is None:
        return real(torch.zeros_like(p))
    g = p.grad.detach()
    return real(g if g.layout == torch.strided else g.to_dense())

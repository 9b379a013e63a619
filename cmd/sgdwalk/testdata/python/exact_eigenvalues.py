"""Eigenvalues of the Hessian by PyTorch's double backward in float64, to compare with.

    exact_eigenvalues.py MODEL DATA.npz THETAS.npz LAYOUT ROWS SAMPLES

LAYOUT is JSON: [name, offset] of every tensor of theta. For every row of "theta" in
THETAS.npz it prints a list of JSON objects:

    eigenvalues    the largest first: all of the dense Hessian for a small network, otherwise
                   the ten largest and the smallest, from a Lanczos iteration
    residual       the largest |Hu - lambda u| of these eigenvalues; 0 for the dense Hessian
    trace          and its standard error trace_error, which is 0 for the dense Hessian

The list has one object, unless inputs of ReLUs lie so near 0 that rounding to float32
decides their sign. Then it has one object for each choice of these signs, at most three.

For a small network it also holds the Lanczos iteration against the dense Hessian.
ROWS is the number of examples of a batch, 0 for all: a network that normalizes uses the
statistics of each batch. SAMPLES is the number of random vectors of the estimated trace.
"""

import itertools
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.modules["sgdwalk"] = type(sys)("sgdwalk")
sys.modules["sgdwalk"].serve = lambda loss, model: None
networks = {}
exec(open(os.path.join(os.path.dirname(__file__), "native_objective.py")).read(), networks)
networks["Norm"].forward = lambda self, x: F.batch_norm(x, None, None, self.scale, self.shift, training=True)
near = []  # the inputs of ReLUs whose sign is uncertain, in the order of the forward pass
flipped = ()  # indices in near whose sign is taken to be the other one


def relu(z):
    mask = z > 0
    for at in ((z != 0) & (z.abs() < 1e-6)).nonzero().tolist():
        if len(near) in flipped:
            mask[tuple(at)] ^= True
        near.append(z[tuple(at)].item())
    return z * mask


F.relu = relu
nn.ReLU.forward = lambda self, z: relu(z)
inputs, labels = networks["inputs"].double(), networks["labels"]
rows = int(sys.argv[5]) or len(labels)
model = nn.Sequential(networks["OrderedDict"](networks[sys.argv[1]](inputs))).double()
offsets = dict(json.loads(sys.argv[4]))
pairs = sorted(model.named_parameters(), key=lambda pair: offsets[pair[0]])
assert len(offsets) == len(pairs), (offsets, [name for name, _ in pairs])
parameters = [p for _, p in pairs]


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def lanczos(multiply, n, tolerance=1e-5):
    """The ten largest eigenvalues and the smallest, the largest residual, and the basis.

    The iteration has one start vector and orthogonalizes every product twice against the
    whole basis. It ends when all residuals are within the tolerance, in units of the largest
    eigenvalue.
    """
    v = np.random.default_rng(0).standard_normal(n)
    basis, products = np.empty((min(n, 1000), n)), np.empty((min(n, 1000), n))
    wanted = list(range(-1, -11, -1)) + [0]
    for i in range(len(basis)):
        basis[i] = v / np.linalg.norm(v)
        products[i] = multiply(basis[i])
        v = products[i].copy()
        for _ in range(2):
            v -= basis[: i + 1].T @ (basis[: i + 1] @ v)
        if i % 5 == 4 and i >= 20:
            q, a = basis[: i + 1], products[: i + 1]
            matrix = q @ a.T
            values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
            residual = max(np.linalg.norm(vectors[:, k] @ a - values[k] * (vectors[:, k] @ q)) for k in wanted)
            if residual <= tolerance * values[-1]:
                return list(values[wanted]), residual, q, a
    raise RuntimeError("the Lanczos iteration has not converged after %d products" % len(basis))


def trace(multiply, basis, products, samples):
    """The trace and its standard error: exact in the basis, Hutchinson's estimate outside it."""
    rng, inside, values = np.random.default_rng(1), float((basis * products).sum()), []
    for _ in range(samples):
        u = rng.choice([-1.0, 1.0], basis.shape[1])
        u -= basis.T @ (basis @ u)
        values.append(u @ multiply(u))
    return inside + np.mean(values), np.std(values, ddof=1) / samples**0.5


def spectrum(theta):
    del near[:]
    batches = zip(inputs.split(rows), labels.split(rows))
    loss = sum(F.cross_entropy(model(x), y, reduction="sum") for x, y in batches) / len(labels)
    gradient = flat(torch.autograd.grad(loss, parameters, create_graph=True))

    def multiply(v):
        return flat(torch.autograd.grad(gradient, parameters, torch.from_numpy(v), retain_graph=True)).numpy()

    n = len(theta)
    found, residual, basis, products = lanczos(multiply, n)
    result = {"eigenvalues": found, "residual": residual}
    result["trace"], result["trace_error"] = trace(multiply, basis, products, int(sys.argv[6]))
    if n <= 3000:
        hessian = np.array([multiply(row) for row in np.eye(n)])
        values = np.linalg.eigvalsh((hessian + hessian.T) / 2)[::-1]
        off = np.abs(np.array(found) - np.append(values[:10], values[-1])).max()
        assert off <= residual + 1e-12 * values[0], (off, residual, values[0])
        assert abs(hessian.trace() - result["trace"]) <= 4 * result["trace_error"], (hessian.trace(), result)
        result = {"eigenvalues": list(values), "residual": 0, "trace": hessian.trace(), "trace_error": 0}
    return result


for theta in np.load(sys.argv[3])["theta"]:
    at = 0
    for p in parameters:
        p.data = torch.from_numpy(theta[at : at + p.numel()].astype(np.float64)).reshape(p.shape)
        at += p.numel()
    assert at == len(theta)
    flipped = ()
    results = [spectrum(theta)]
    uncertain = range(len(near))
    assert len(uncertain) <= 3, near
    for flipped in itertools.chain.from_iterable(itertools.combinations(uncertain, k + 1) for k in uncertain):
        results.append(spectrum(theta))
    print(json.dumps(results))

"""Eigenvalues of the Hessian by PyTorch's double backward in float64, to compare with.

    exact_eigenvalues.py MODEL DATA.npz THETAS.npz LAYOUT

LAYOUT is JSON: [name, offset] of every tensor of theta. For every row of "theta" in
THETAS.npz it prints a JSON list of eigenvalues, the largest first: all of them for a small
network, otherwise the ten largest and the smallest, from a Lanczos iteration with full
reorthogonalization. Networks that normalize use the statistics of the batch.
"""

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
inputs, labels = networks["inputs"].double(), networks["labels"]
model = nn.Sequential(networks["OrderedDict"](networks[sys.argv[1]](inputs))).double()
offsets = dict(json.loads(sys.argv[4]))
pairs = sorted(model.named_parameters(), key=lambda pair: offsets[pair[0]])
assert len(offsets) == len(pairs), (offsets, [name for name, _ in pairs])
parameters = [p for _, p in pairs]


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def lanczos(multiply, n, steps):
    rng = np.random.default_rng(0)
    q, matrix = [], np.zeros((steps, steps))
    v = rng.standard_normal(n)
    for j in range(steps):
        q.append(v / np.linalg.norm(v))
        v = multiply(q[j])
        matrix[j, j] = q[j] @ v
        basis = np.array(q)
        for _ in range(2):
            v = v - basis.T @ (basis @ v)
        if j + 1 < steps:
            matrix[j, j + 1] = matrix[j + 1, j] = np.linalg.norm(v)
    values = np.linalg.eigvalsh(matrix)[::-1]
    return list(values[:10]) + [values[-1]]


for theta in np.load(sys.argv[3])["theta"]:
    at = 0
    for p in parameters:
        p.data = torch.from_numpy(theta[at : at + p.numel()].astype(np.float64)).reshape(p.shape)
        at += p.numel()
    assert at == len(theta)
    gradient = flat(torch.autograd.grad(F.cross_entropy(model(inputs), labels), parameters, create_graph=True))

    def multiply(v):
        return flat(torch.autograd.grad(gradient, parameters, torch.from_numpy(v), retain_graph=True)).numpy()

    n = len(theta)
    if n <= 1000:
        hessian = np.array([multiply(row) for row in np.eye(n)])
        values = list(np.linalg.eigvalsh((hessian + hessian.T) / 2)[::-1])
    else:
        values = lanczos(multiply, n, 160)
    print(json.dumps(values))

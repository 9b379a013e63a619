"""Rows of a run put back into torch modules. python3 loaded.py FOLDER"""

import pathlib
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sgdwalk

work = pathlib.Path(sys.argv[1])
torch.manual_seed(1)
x, y = torch.randn(24, 6), torch.randint(0, 3, (24,))


def network(width=8):
    return nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 3))


def values(module):
    """Return parameters and running statistics by name, as copies."""
    return {n: v.detach().clone() for n, v in module.state_dict().items() if v.is_floating_point()}


def expect(error, text, call, *args):
    try:
        call(*args)
    except error as e:
        assert text in str(e) and "\n" not in str(e), (text, str(e))
        return
    raise AssertionError(f"no {error.__name__} with {text!r}")


model = network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
seen, gradients = [], []
with sgdwalk.Recorder(model, optimizer, out=work / "run", grad=True) as recorder:
    for _ in range(5):
        seen.append(values(model))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        gradients.append(model[3].weight.grad.clone())
        recorder.step(loss)
        optimizer.step()
    seen.append(values(model))
run = sgdwalk.open(work / "run")
assert len(run) == 6 and run.finished and run.theta.shape == (6, sum(p.numel() for p in model.parameters()))
for k, want in enumerate(seen):
    fresh = network()
    run.load_into(fresh, k)
    got, arrays = values(fresh), run.arrays(k)
    assert got.keys() == arrays.keys() == want.keys()
    for n, v in want.items():
        assert torch.equal(got[n], v) and torch.equal(torch.from_numpy(arrays[n]), v), (k, n)
        assert np.array_equal(run.tensor(n)[k], v.numpy())
    loose = network().double()
    loose.load_state_dict(run.state_dict(k))  # strict: torch sets num_batches_tracked to 0
    assert all(torch.equal(v, loose.state_dict()[n].float()) for n, v in want.items())
    if k < 5:
        assert np.array_equal(run.tensor("3.weight", "grad")[k], gradients[k].numpy())
wrapped = nn.DataParallel(network().double())
run.load_into(wrapped, 2)
assert torch.equal(wrapped.module[0].weight, seen[2]["0.weight"].double())
expect(
    sgdwalk.InputError,
    "the model does not fit the run: '0.weight' is [7, 6] in the model and [8, 6] in the run",
    run.load_into,
    network(7),
    0,
)
expect(sgdwalk.InputError, "'1.weight' is missing in the model", run.load_into, nn.Sequential(nn.Linear(6, 8)), 0)
expect(sgdwalk.InputError, "the model is a list", run.load_into, [1], 0)
expect(sgdwalk.RowIndexError, "row 6 is not among the 6 rows of theta", run.load_into, network(), 6)
print("ok")

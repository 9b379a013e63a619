"""What training scripts do besides the ordinary loop, and what the recording has to
be: every row is compared with what PyTorch had. python3 cases.py FOLDER"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sgdwalk import Recorder, layout_of

work = pathlib.Path(sys.argv[1])
torch.manual_seed(1)
x, y = torch.randn(24, 2, 6, 6), torch.randint(0, 3, (24,))


def network():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(48, 3)
    )


def flat(tensors):
    return torch.cat([torch.zeros(0), *(t.detach().float().flatten() for t in tensors)]).numpy().copy()


def gradients(model):
    return flat(torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters())


class Truth:
    """A recorder that remembers what it was given, and compares."""

    def __init__(self, name, model, optimizer):
        self.out, self.model, self.seen = work / name, model, []
        self.recorder = Recorder(model, optimizer, out=self.out, grad=True)

    def step(self, loss, rate):
        self.seen.append((float(loss), rate, flat(self.model.parameters()), gradients(self.model)))
        self.recorder.step(loss)

    def check(self):
        self.recorder.close()
        subprocess.run(
            [os.environ.get("SGDWALK", "sgdwalk"), "export", self.out, "--npz", f"{self.out}.npz"],
            check=True,
            capture_output=True,
        )
        run = np.load(f"{self.out}.npz")
        assert len(run["theta"]) == len(self.seen) + 1, (self.out, len(run["theta"]))
        for k, (loss, rate, theta, grad) in enumerate(self.seen):
            assert run["batch_loss"][k] == loss and run["learning_rate"][k] == rate, (self.out, k)
            assert np.array_equal(run["theta"][k], theta) and np.array_equal(run["grad"][k], grad), (self.out, k)
        assert np.array_equal(run["theta"][-1], flat(self.model.parameters())), self.out


def header(name):
    return json.loads((work / name / "header.json").read_text())


# A scheduler, two groups of parameters, a frozen layer.
model = network()
model[0].weight.requires_grad_(False)
optimizer = torch.optim.Adam(
    [{"params": [model[0].bias], "lr": 0.1}, {"params": model[5].parameters(), "weight_decay": 0.5}],
    lr=0.01,
    amsgrad=True,
)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
truth = Truth("groups", model, optimizer)
for k in range(4):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    truth.step(loss, 0.1 * 0.5**k)
    optimizer.step()
    scheduler.step()
truth.check()
settings = header("groups")["optimizer"]
assert settings["name"] == "amsgrad", settings
want = {
    "learning_rate": 0.1,
    "learning_rate_group_1": 0.01,
    "weight_decay": 0,
    "weight_decay_group_1": 0.5,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
}
assert settings["hyperparameters"] == want, settings

# Gradients of two batches for an update.
model = network()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
truth = Truth("accumulated", model, optimizer)
for k in range(3):
    losses = []
    for part in (slice(0, 12), slice(12, 24)):
        loss = F.cross_entropy(model(x[part]), y[part]) / 2
        loss.backward()
        losses.append(loss.item())
    truth.step(sum(losses), 0.1)
    optimizer.step()
    optimizer.zero_grad()
truth.check()

# An optimizer that evaluates the loss itself.
model = network()[:3].append(nn.Flatten()).append(nn.Linear(48, 3))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
truth = Truth("lbfgs", model, optimizer)


def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    return loss


for k in range(3):
    truth.step(closure(), 0.1)
    optimizer.step(closure)
truth.check()

# Double precision, tied weights, a scalar parameter, a buffer that is no statistic.
model = nn.Module()
model.embedding, model.head = nn.Embedding(5, 3).double(), nn.Linear(3, 5).double()
model.head.weight = model.embedding.weight
model.scale = nn.Parameter(torch.tensor(1.5))
model.register_buffer("table", torch.ones(2, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
truth = Truth("tied", model, optimizer)
for k in range(3):
    optimizer.zero_grad()
    loss = F.cross_entropy(model.head(model.embedding(torch.arange(5))) * model.scale, torch.arange(5))
    loss.backward()
    truth.step(loss, 0.1)
    optimizer.step()
truth.check()
layout = layout_of(model)
assert [(t["name"], t["kind"], t["shape"]) for t in layout["layout"]] == [
    ("scale", "other", []),
    ("embedding.weight", "weight", [5, 3]),
    ("head.bias", "bias", [5]),
], layout
assert layout["state_layout"] == [], layout
assert "torch.float64" in header("tied")["comment"] and "not recorded: 'table'" in header("tied")["comment"]
assert layout_of(nn.DataParallel(network())) == layout_of(network())

# An exception while workers of a DataLoader live: they were forked with the pipe.
loader = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(x, y), batch_size=8, num_workers=1, persistent_workers=True
)
model = network()
try:
    with Recorder(model, None, out=work / "workers") as recorder:
        for a, b in loader:
            recorder.step(F.cross_entropy(model(a), b))
            raise KeyError("on purpose")
except KeyError:
    assert (work / "workers/ingest.json").exists()

"""The answers of README.md to questions, as far as no other test has them: python3 questions.py FOLDER"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sgdwalk
from sgdwalk import Recorder

work = pathlib.Path(sys.argv[1])
os.chdir(work)
torch.manual_seed(1)
torch.set_num_threads(1)
quick = {"progress": False, "formats": "svg"}


def ended(name):
    return json.loads((work / name / "ingest.json").read_text())


def scripts(text, *envs):
    """Run a script in several processes at the same time. Return their outputs."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", text],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for env in envs
    ]
    return [p.communicate(timeout=300)[0] for p in started]


TRAIN = """
import torch, sgdwalk
{setup}
torch.set_num_threads(1)
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
try:
    with sgdwalk.Recorder(model, optimizer, out={out!r}, grad=True) as recorder:
        {wait}
        for step in range(5):
            optimizer.zero_grad()
            loss = model(torch.randn(8, 4)).pow(2).mean()
            loss.backward()
            recorder.step(loss)
            optimizer.step()
    print("trained")
except sgdwalk.SgdwalkError as e:
    print(type(e).__name__, e)
"""


def two_processes_one_place():
    """Two processes of a job that say their ranks need no if; two processes without ranks do not mix."""
    out = scripts(TRAIN.format(setup="", out="job", wait=""), {"RANK": "0"}, {"RANK": "1"})
    assert out == ["trained\n", "trained\n"], out
    assert len(sgdwalk.open("job")) == 6
    free = {k: v for k, v in os.environ.items() if k not in ("RANK", "LOCAL_RANK")}
    out = scripts(TRAIN.format(setup="", out="same", wait="import time; time.sleep(3)"), free, free)
    refused = [o for o in out if o != "trained\n"]
    assert len(refused) == 1 and "same" in refused[0] and refused[0].count("\n") == 1, out
    run = sgdwalk.open("same")
    assert len(run) == 6 and run.finished, run


def data_parallel():
    """The gradient is the mean over the ranks, and only rank 0 records."""
    text = """
import torch, sgdwalk, os, torch.distributed as dist
torch.set_num_threads(1)
dist.init_process_group("gloo", rank=int(os.environ["ME"]), world_size=2, init_method="file://" + os.path.abspath("meet"))
torch.manual_seed(3)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 2))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
x = torch.randn(2, 8, 4)
with sgdwalk.Recorder(model, optimizer, out="parallel", grad=True) as recorder:
    loss = model(x[dist.get_rank()]).pow(2).mean()
    loss.backward()
    recorder.step(loss)
    optimizer.step()
alone = torch.nn.Linear(4, 2)
alone.load_state_dict(model.module.state_dict())
run = sgdwalk.open("parallel") if dist.get_rank() == 0 else None
if run:
    run.load_into(alone, 0)
    alone(x).pow(2).mean().backward()
    mean = torch.cat([p.grad.flatten() for p in alone.parameters()]).numpy()
    first = alone(x[0]).pow(2).mean().item()
    print(bool(abs(run.grad[0] - mean).max() < 1e-6), abs(run.losses["batch_loss"][0] - first) < 1e-6)
print("end")
"""
    out = scripts(text, {"ME": "0"}, {"ME": "1"})
    assert [o.split() for o in out] == [["True", "True", "end"], ["end"]], out


def divided():
    """A parameter that is divided among processes is refused by name."""

    class Divided(nn.Parameter):  # as a DTensor, whose values are on several processes
        def full_tensor(self):
            return self

    model = nn.Sequential(nn.Linear(2, 2))
    model[0].weight = Divided(torch.ones(2, 2))
    try:
        Recorder(model, None, out="divided")
    except sgdwalk.InputError as e:
        assert "0.weight" in str(e) and "divided among the processes" in str(e), e
    else:
        raise AssertionError("a divided parameter was accepted")


class Masked(nn.Module):
    """Attention with a causal mask of -inf as a buffer, and embeddings that are tied."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 8)
        self.norm = nn.BatchNorm1d(5)  # statistics, so that the walk interpolates a state
        self.head = nn.Linear(8, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("mask", torch.full((5, 5), float("-inf")).triu(1))

    def forward(self, x):
        h = self.norm(self.embed(x))
        return self.head((h @ h.transpose(1, 2) + self.mask).softmax(-1) @ h)


def masks_and_ties():
    model = Masked()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = torch.randint(0, 7, (12, 6))

    def loss(model):
        return F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Recorder(model, optimizer, out="masked", grad=True) as recorder:
            for _ in range(6):
                optimizer.zero_grad()
                value = loss(model)
                value.backward()
                recorder.step(value)
                optimizer.step()
    run = sgdwalk.open("masked")
    assert [t["name"] for t in run.layout] == ["embed.weight", "norm.weight", "norm.bias"], run.layout
    assert [t["name"] for t in run.state_layout] == ["norm.running_mean", "norm.running_var"], run.state_layout
    before = model.mask.clone()
    for result in (
        run.walk(loss, model, segments="0-4", **quick),
        run.landscape(loss, model, grid="5x5", kinds="all", **quick),
        run.curvature(loss, model, top=2, probes=0, **quick),
    ):
        table = result.tables["grid" if result.analysis == "landscape" else next(iter(result.tables))]
        for column in ("loss", "eigenvalue"):
            if column in (table.dtype.names or ()):
                assert np.isfinite(table[column]).all(), (result.analysis, column)
    assert torch.equal(model.mask, before) and torch.isinf(model.mask[0, 1])
    kept = run.walk(loss, model, segments="0-4", training=True, state=False, **quick)  # its own statistics
    assert any("are not interpolated" in w for w in kept.warnings), kept.warnings
    used = run.walk(loss, model, segments="0-4", **quick)
    assert any("interpolated as theta is" in w for w in used.warnings), used.warnings


def frozen():
    """A frozen parameter has gradient 0 and no warning."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Recorder(model, optimizer, out="frozen", grad=True) as recorder:
            for _ in range(4):
                optimizer.zero_grad()
                value = (model(torch.randn(8, 3)) - 1).pow(2).mean()
                value.backward()
                recorder.step(value)
                optimizer.step()
    run = sgdwalk.open("frozen")
    assert not np.any(run.tensor("0.weight", "grad")[:4]) and np.all(run.tensor("1.weight", "grad")[0])


def killed():
    """A training that is killed leaves every step for which step() had returned."""
    text = """
import numpy, sgdwalk, time
w = {"w": numpy.zeros(20000, numpy.float32)}
recorder = sgdwalk.Recorder(w, out="killed")
step = 0
while True:
    recorder.step(1.0)
    step += 1
    print(step, flush=True)
    w["w"] += 1
"""
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as training:
        last = 0
        for line in training.stdout:
            last = int(line)
            if last == 300:
                training.send_signal(signal.SIGKILL)
    for _ in range(200):  # the program writes what it has received, and ends
        if (work / "killed" / "ingest.json").exists():
            break
        time.sleep(0.05)
    run = sgdwalk.open("killed")
    assert ended("killed")["status"] in ("unfinished", "torn") and not run.finished
    assert last >= 300 and len(run) >= last, (last, len(run))
    assert all(run.theta[k][0] == k for k in (0, 100, last - 1))
    assert run.path(**quick).findings


for check in (two_processes_one_place, data_parallel, divided, masks_and_ties, frozen, killed):
    check()
print("ok")

"""What a recording can go wrong by: each is noticed once, in words that name the thing, or
recorded as it was. python3 checks.py FOLDER"""

import copy
import functools
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from sgdwalk import Recorder, RecorderError, RecorderWarning

work, sgdwalk = pathlib.Path(sys.argv[1]), os.environ.get("SGDWALK", "sgdwalk")
torch.manual_seed(1)
x, y = torch.randn(24, 6), torch.randint(0, 3, (24,))


def flat(tensors):
    return torch.cat([torch.zeros(0), *(t.detach().float().flatten() for t in tensors)]).numpy().copy()


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def rows(name):
    subprocess.run([sgdwalk, "export", work / name, "--npz", work / f"{name}.npz"], check=True, capture_output=True)
    return np.load(work / f"{name}.npz")


def ended(name):
    return json.loads((work / name / "ingest.json").read_text())


def expect(error, text, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        assert text in str(e) and "\n" not in str(e), (text, str(e))
        return
    raise AssertionError(f"no {error.__name__} with {text!r}")


def descend(model, optimizer, recorder, steps=4, before=lambda loss: None, after=lambda loss: None):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        before(loss)
        optimizer.step()
        after(loss)


def warned(name, *texts, model=None, optimizer=None, grad=True, train=None):
    """Record a training, and compare the warnings: each text comes once, and nothing else."""
    model = model or network()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with Recorder(model, optimizer, out=work / name, grad=grad) as recorder:
            (train or (lambda m, o, r: descend(m, o, r, before=r.step)))(model, optimizer, recorder)
    said = [str(w.message) for w in seen if issubclass(w.category, RecorderWarning)]
    assert len(said) == len(texts) and all(t in s for t, s in zip(texts, said)), (name, said)
    assert ended(name)["notes"] == said if said else "notes" not in ended(name), (name, said, ended(name))
    return rows(name)


# An ordinary loop has no warning; the hooks are gone afterwards.
model = network()
optimizer = torch.optim.Adam(model.parameters())
warned("ordinary", model=model, optimizer=optimizer)
assert "step" not in optimizer.__dict__ and not model._forward_pre_hooks

# step() at a wrong place.
warned("late", "comes after optimizer.step()", train=lambda m, o, r: descend(m, o, r, after=r.step), grad=False)


def early(model, optimizer, recorder):
    for _ in range(4):
        loss = F.cross_entropy(model(x), y)
        recorder.step(loss)
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()


warned("early", "no parameter has a gradient", "the gradient has changed between", train=early)


def scaled(model, optimizer, recorder):
    for _ in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        (1024 * loss).backward()
        recorder.step(loss)
        for p in model.parameters():
            p.grad /= 1024
        optimizer.step()


warned("scaled", "0.000976562 times the recorded one", train=scaled)
clip = lambda m, o, r: descend(m, o, r, before=lambda l: (r.step(l), nn.utils.clip_grad_norm_(m.parameters(), 0.05)))
warned("clipped", train=clip)

# Parameters that no optimizer has, that are not used, that are replaced.
model = network()
warned(
    "lost",
    "no optimizer of the recorder updates: '1.weight', '1.bias'",
    model=model,
    optimizer=torch.optim.SGD([*model[0].parameters(), *model[3].parameters()], 0.1),
)
model = network()
model.unused = nn.Linear(2, 2)
model.forward = functools.partial(lambda m, a: m[3](m[2](m[1](m[0](a)))), model)
warned("unused", "without a gradient (grad is None): 'unused.weight', 'unused.bias'", model=model)


def replace(model, optimizer, recorder):
    model[3] = nn.Linear(8, 3)
    descend(model, torch.optim.SGD(model.parameters(), 0.1), recorder, before=recorder.step)


model = network()
model = network()
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    with Recorder(model, None, out=work / "replaced") as recorder:
        replace(model, None, recorder)
assert len(seen) == 1 and "'3.weight', '3.bias'" in str(seen[0].message), [str(w.message) for w in seen]
assert np.array_equal(rows("replaced")["theta"][-1], flat(model.parameters()))
for name, change, text in (
    ("added", lambda m: m.append(nn.Linear(3, 3)), "'4.weight', '4.bias' added"),
    ("tied", lambda m: setattr(m[3], "bias", nn.Parameter(torch.zeros(5))), "'3.bias' had the shape [3]"),
    ("normed", lambda m: nn.utils.weight_norm(m[0]), "'0.weight' removed"),
):
    model = network()
    recorder = Recorder(model, None, out=work / name)
    descend(model, torch.optim.SGD(model.parameters(), 0.1), recorder, 5, before=recorder.step)
    change(model)
    expect(RecorderError, text, recorder.step, 1.0)
    recorder._leave("test")


# Several optimizers; the hook takes the row, wherever step() stands.
def two(name, place):
    torch.manual_seed(2)
    model = network()
    optimizers = [torch.optim.SGD(model[:3].parameters(), 0.1), torch.optim.Adam(model[3].parameters(), 0.01)]
    truth = []
    with Recorder(model, optimizers, out=work / name, grad=True).attach() as recorder:
        for _ in range(4):
            loss = F.cross_entropy(model(x), y)
            model.zero_grad()
            loss.backward()
            truth.append(flat(model.parameters()))
            if place == "before":
                recorder.step(loss)
            for optimizer in optimizers:
                optimizer.step()
            if place == "after":
                recorder.step(loss)
    run = rows(name)
    assert np.array_equal(run["theta"][:4], np.stack(truth)) and len(run["theta"]) == 5, name
    return json.loads((work / name / "header.json").read_text())["optimizer"]


assert two("before", "before") == two("after", "after")
settings = two("third", "before")
groups = json.loads((work / "third/header.json").read_text())["parameter_groups"]
assert [g["optimizer"]["name"] for g in groups] == ["sgd", "adam"] and groups[1]["tensors"] == [
    "3.weight",
    "3.bias",
], groups
assert (work / "third/learning_rates.csv").read_text() == "step,learning_rate_0,learning_rate_1\n0,0.1,0.01\n"
assert settings["name"] == "sgd+adam" and settings["hyperparameters"]["learning_rate_group_1"] == 0.01, settings


# Hooks of PyTorch 2: the first argument that they see is the optimizer.
class Hooked(torch.optim.SGD):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.before, self.after = {}, {}

    def register(self, hooks, hook):
        hooks[hook] = hook
        handle = type("Handle", (), {"remove": lambda _: hooks.pop(hook)})
        return handle()

    def register_step_pre_hook(self, hook):
        return self.register(self.before, hook)

    def register_step_post_hook(self, hook):
        return self.register(self.after, hook)

    def step(self, *args, **kwargs):
        args = (self, *args)
        for hook in list(self.before.values()):
            result = hook(self, args, kwargs)
            if result is not None:
                args, kwargs = result
        torch.optim.SGD.step(*args, **kwargs)
        for hook in list(self.after.values()):
            hook(self, args, kwargs)


for kind in (Hooked, torch.optim.SGD):
    model = network()
    optimizer = kind(model.parameters(), lr=0.1)
    seen = []

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        seen.append((loss.item(), flat(model.parameters()), flat(p.grad for p in model.parameters())))
        return loss

    name = "closure" + kind.__name__
    with Recorder(model, optimizer, out=work / name, grad=True).attach() as recorder:
        for _ in range(3):
            optimizer.step(closure)
    run = rows(name)
    for k, (loss, theta, grad) in enumerate(seen):
        assert (
            run["batch_loss"][k] == loss
            and np.array_equal(run["theta"][k], theta)
            and np.array_equal(run["grad"][k], grad)
        ), name
    assert len(run["theta"]) == 4 and not getattr(optimizer, "before", None) and not getattr(optimizer, "after", None)
model = network()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
recorder = Recorder(model, optimizer, out=work / "twice").attach()
recorder.step(1.0)
expect(RecorderError, "called twice", recorder.step, 1.0)
optimizer.step()
optimizer.step()
expect(RecorderError, "has no loss", optimizer.step)
recorder._leave("test")

# A scheduler made before or after the recorder wraps step() too.
for name, order in (("scheduler1", 1), ("scheduler2", 0)):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    make = lambda: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler = make() if order else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder = Recorder(model, optimizer, out=work / name)
        scheduler = scheduler or make()
        descend(model, optimizer, recorder, before=recorder.step, after=lambda l: scheduler.step())
        recorder.close()
        descend(model, optimizer, recorder, 1, after=lambda l: scheduler.step())
    assert np.allclose(rows(name)["learning_rate"][:4], [0.1, 0.05, 0.025, 0.0125])


# Mixed precision: the gradient of the loss, before and after scaler.unscale_.
class Scaler(torch.cuda.amp.GradScaler):
    """One that works without a GPU."""

    def __init__(self):
        super().__init__(enabled=False)
        self._enabled, self._scale = True, torch.tensor(512.0)
        self.stages = __import__("collections").defaultdict(lambda: {"stage": Stage("READY")})
        self._per_optimizer_states = self.stages

    def get_scale(self):
        return 512.0


class Stage:
    def __init__(self, name):
        self.name = name


for name in ("amp", "unscaled"):
    model, scaler = network(), Scaler()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    truth = []
    with Recorder(model, optimizer, out=work / name, grad=True, scaler=scaler) as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            truth.append(flat(torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)))
            (512 * loss).backward()
            scaler.stages.clear()
            if name == "unscaled":
                [p.grad.div_(512) for p in model.parameters()]
                scaler.stages[id(optimizer)] = {"stage": Stage("UNSCALED")}
            recorder.step(loss)
            if name == "amp":
                [p.grad.div_(512) for p in model.parameters()]
                scaler.stages[id(optimizer)] = {"stage": Stage("UNSCALED")}
            optimizer.step()
    assert np.allclose(rows(name)["grad"][:3], truth, rtol=1e-5, atol=1e-8), name

# State: statistics, the vectors of spectral normalization and what is asked for; before
# the forward pass; no masks, nothing empty.
model = network()
model[0] = nn.utils.spectral_norm(model[0])
model.register_buffer("mask", torch.full((4, 4), float("-inf")))
model.register_buffer("average", torch.zeros(2))
model.register_buffer("nothing", torch.zeros(0))
names = lambda run: [t["name"] for t in json.loads((work / run / "header.json").read_text())["state_layout"]]
Recorder(model, out=work / "state").close()
assert names("state") == ["0.weight_u", "0.weight_v", "1.running_mean", "1.running_var"], names("state")
Recorder(model, out=work / "more", state="av*").close()
assert names("more") == ["average", "0.weight_u", "0.weight_v", "1.running_mean", "1.running_var"], names("more")
expect(ValueError, "['other']", Recorder, model, out=work / "x", state=["other"])
expect(ValueError, "'nothing'", Recorder, model, out=work / "x", state=["nothing"])

# Copies and files of a model that is being recorded.
model = network()
with Recorder(model, None, out=work / "copied") as recorder:
    average = copy.deepcopy(model)
    average(x)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    assert torch.equal(torch.load(file)(x), average(x))
    assert b"sgdwalk" not in file.getvalue() and recorder._checks.forwards == 0
    model(x)
    assert recorder._checks.forwards == 1


# Complex parameters are pairs; names have no part of a wrapper; kinds of a script.
class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, 6, dtype=torch.cfloat))

    def forward(self, a):
        return (a.to(torch.cfloat) @ self.w.T).abs()


model = Complex()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
with Recorder(model, optimizer, out=work / "complex", grad=True) as recorder:
    loss = model(x).pow(2).mean()
    loss.backward()
    recorder.step(loss)
    theta, grad = (torch.view_as_real(t.detach()).flatten().numpy().copy() for t in (model.w, model.w.grad))
    optimizer.step()
run, header = rows("complex"), json.loads((work / "complex/header.json").read_text())
assert np.array_equal(run["theta"][0], theta) and np.array_equal(run["grad"][0], grad)
assert header["layout"][0]["shape"] == [3, 6, 2] and "pairs of real and imaginary part: 'w'" in header["comment"]
embedding = nn.Embedding(5, 2, sparse=True)
F.cross_entropy(embedding(torch.tensor([0, 0, 1])), torch.tensor([0, 1, 1])).backward()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    with Recorder(embedding, None, out=work / "sparse", grad=True) as recorder:
        recorder.step(1.0)
assert np.array_equal(rows("sparse")["grad"][0], embedding.weight.grad.to_dense().flatten().numpy())
for bad, text in (
    (nn.Sequential(nn.LazyLinear(3)), "'0.weight' has no shape yet"),
    (nn.Linear(2, 2, device="meta"), "'weight' is on the device meta"),
    (
        nn.ParameterList([nn.Parameter(torch.ones(2, dtype=torch.uint8), requires_grad=False)]),
        "'0' is of type torch.uint8",
    ),
):
    expect(ValueError, text, Recorder, bad, out=work / "x")

# Bad values are one line, and the recording continues with the next good row.
model = nn.Linear(2, 1)
recorder = Recorder(model, None, out=work / "values")
for error, text, loss, more in (
    (ValueError, "loss is None", None, {}),
    (ValueError, "loss has 3 elements", torch.ones(3), {}),
    (TypeError, "loss is 'low'", "low", {}),
    (ValueError, "accuracy is 93.2; it must be from 0 to 1", 1.0, {"accuracy": 93.2}),
    (ValueError, "accuracy is nan", 1.0, {"accuracy": float("nan")}),
    (ValueError, "examples is -1", 1.0, {"examples": -1}),
    (ValueError, "examples is None", 1.0, {"examples": None}),
    (ValueError, "epoch is 1.5", 1.0, {"epoch": 1.5}),
    (ValueError, "epoch is -1", 1.0, {"epoch": -1}),
    (ValueError, "learning_rate is inf", 1.0, {"learning_rate": float("inf")}),
    (TypeError, "full_loss is [1]", 1.0, {"full_loss": [1]}),
):
    expect(error, text, recorder.step, loss, **more)
recorder.step(torch.tensor([0.5]), epoch=np.int64(0), accuracy=np.float32(0.5), examples=torch.tensor(8))
recorder.step(float("nan"), epoch=1.0)
expect(ValueError, "full_loss has 2 elements", recorder.close, full_loss=torch.ones(2))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    recorder.close()
run = rows("values")
assert (
    list(run["batch_loss"][:1]) == [0.5] and np.isnan(run["batch_loss"][1]) and list(run["epoch"]) == [1, 2, 2]
), dict(run)
assert "counts epochs from 0" in ended("values")["notes"][0]
for more, text in (
    ({"every": 0}, "every is 0"),
    ({"steps": -3}, "steps is -3"),
    ({"on_error": "ignore"}, "on_error is 'ignore'"),
):
    expect(ValueError, text, Recorder, model, out=work / "x", **more)
expect(TypeError, "optimizer is a float", Recorder, model, 0.1, out=work / "x")
assert not (work / "x").exists()

# Ranks above 0 do nothing.
os.environ["RANK"] = "1"
with Recorder(model, None, out=work / "rank") as recorder:
    recorder.step(None)
assert not (work / "rank").exists()
Recorder(model, None, out=work / "rank", rank=0).close()
assert (work / "rank").exists()
del os.environ["RANK"]

# A notebook's cell runs again: the former recorder ends, and no step is lost in silence.
first = Recorder(model, None, out=work / "cell")
second = Recorder(model, None, out=work / "cell")  # nothing was recorded
expect(RecorderError, "a newer recorder has been made", first.step, 1.0)
second.step(1.0)
expect(FileExistsError, "exists already", Recorder, model, out=work / "cell")
assert ended("cell")["status"] == "unfinished" and ended("cell")["frames"] == 1
third = Recorder(model, None, out=work / "cell", args=["--force"])
fourth = Recorder(model, None, out=work / "cell", args="--force")
fourth.close()
third.close()

# The program dies.
for on_error in ("raise", "warn"):
    model = nn.Linear(200, 200)
    recorder = Recorder(model, None, out=work / f"killed-{on_error}", on_error=on_error)
    recorder.step(1.0)
    recorder._process.send_signal(signal.SIGKILL)
    recorder._process.wait()
    if on_error == "raise":
        expect(RecorderError, "was killed by signal 9 (SIGKILL)", lambda: [recorder.step(1.0) for _ in range(50)])
    else:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(50):
                recorder.step(1.0)
        assert len(seen) == 1 and "was killed by signal 9" in str(seen[0].message), [str(w.message) for w in seen]
    recorder.close()

# A close() that was forgotten is done at the exit, unless the script has died.
for name, end, status in (("forgotten", "", "finished"), ("died", "raise KeyError", "unfinished")):
    code = f"import numpy, sgdwalk\ndef train():\n  r = sgdwalk.Recorder({{'w': numpy.zeros(3, numpy.float32)}}, out={str(work / name)!r})\n  r.step(1.0)\ntrain()\n{end}\n"
    subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ended(name)["status"] == status, (name, ended(name))

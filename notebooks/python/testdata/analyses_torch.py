"""The analyses of the package with a torch module, and interruptions: python3 analyses_torch.py FOLDER"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest.mock
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sgdwalk
from sgdwalk import AnalysisError, Recorder

torch.set_num_threads(1)
torch.manual_seed(1)
x, y = torch.randn(60, 6), torch.randint(0, 3, (60,))
quick = {"progress": False, "formats": "svg"}


def network():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 3))


def loss(model):
    return F.cross_entropy(model(x), y)


def train(model, optimizer, steps, recorder=None):
    for _ in range(steps):
        picked = torch.randperm(len(x))[:20]
        optimizer.zero_grad()
        batch = F.cross_entropy(model(x[picked]), y[picked])
        batch.backward()
        if recorder:
            recorder.step(batch)
        optimizer.step()


def state_of(model, optimizer):
    moments = [v for s in optimizer.state.values() for v in s.values()]
    tensors = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters()), *moments]
    return [torch.as_tensor(t).detach().clone() for t in tensors], [m.training for m in model.modules()]


def untouched():
    """Training continues after analyses as it would have without them, bit for bit."""
    ends = []
    for analyzes in (False, True):
        torch.manual_seed(2)
        model = network()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        name = f"adam{int(analyzes)}"
        with Recorder(model, optimizer, out=name, args=["--quiet"]) as recorder:
            train(model, optimizer, 12, recorder)
        model[1].eval()  # modes differ
        model[0].bias.requires_grad_(False)
        before, tensors = state_of(model, optimizer), [(p, p.grad) for p in model.parameters()]
        if analyzes:
            run = sgdwalk.open(name)

            def noisy(model):
                torch.rand(1)  # it may draw random numbers, and change modes and gradients
                model[4].weight.requires_grad_(True)
                return loss(model)

            run.walk(noisy, model, segments="0-2", **quick)
            run.landscape(loss, model, grid="5x5", **quick)
            run.curvature(loss, model, top=2, **quick)
            try:
                run.line(lambda m: m(x) + "text", model, **quick)
            except TypeError as e:
                assert "str" in str(e), e
            assert all(p.grad is g for p, g in tensors) and not model[0].bias.requires_grad
            for a, b in zip(before[0], state_of(model, optimizer)[0]):
                assert torch.equal(a, b), (a, b)
            assert before[1] == state_of(model, optimizer)[1]
        model[0].bias.requires_grad_(True)
        train(model, optimizer, 5)
        ends.append(state_of(model, optimizer)[0])
    assert all(torch.equal(a, b) for a, b in zip(*ends))


def while_recording():
    """An analysis between two steps of a training that is recorded changes nothing, and causes no warning."""
    thetas = []
    for analyzes in (False, True):
        torch.manual_seed(3)
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        name = f"open{int(analyzes)}"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Recorder(model, optimizer, out=name, grad=True, args=["--quiet"]) as recorder:
                train(model, optimizer, 6, recorder)
                while analyzes and not os.path.exists(f"{name}/analysis/walk/summary.json"):
                    try:
                        walk = sgdwalk.Analyses(name).walk(loss, model, segments="0-1", **quick)
                        assert any("did not come to its end" in w for w in walk.warnings), walk
                    except AnalysisError as e:  # the first rows are not on the disk yet
                        print(e)
                        time.sleep(0.2)
                train(model, optimizer, 6, recorder)
        thetas.append(np.array(sgdwalk.open(name).theta[:]))
    assert len(thetas[0]) == 13 and np.array_equal(*thetas)


def forms():
    """Script modules and wrapped modules, without gradients and in several modes."""
    run = sgdwalk.open("adam0")
    for make in (torch.jit.script, nn.DataParallel):
        inner = network()
        inner[1].eval()
        model = make(inner)
        before = [t.detach().clone() for t in model.state_dict().values()], [m.training for m in model.modules()]
        with torch.no_grad():
            walk = run.walk(loss, model, segments="0-2", **quick)
            run.curvature(loss, model, top=2, **quick)
        plain = run.walk(loss, network(), segments="0-2", **quick)
        assert np.allclose(walk.tables["losses"]["loss"], plain.tables["losses"]["loss"], rtol=1e-6)
        assert all(torch.equal(a, b) for a, b in zip(before[0], model.state_dict().values()))
        assert before[1] == [m.training for m in model.modules()], make


def batches():
    """A loss that calls backward() itself, a gradient that is missing, and dropout as in training."""
    model, run = network(), sgdwalk.open("adam0")

    def piecewise(model):
        total = 0.0
        for part, labels in zip(x.split(25), y.split(25)):
            piece = F.cross_entropy(model(part), labels) * len(part) / len(x)
            if torch.is_grad_enabled():
                piece.backward()
            total += piece.item()
        return total

    whole = run.curvature(loss, model, top=2, **quick)
    parts = run.curvature(piecewise, model, top=2, **quick)
    assert parts.summary.product_method == whole.summary.product_method == "exact"
    assert np.allclose(parts.summary.top, whole.summary.top, rtol=1e-4), (parts.summary.top, whole.summary.top)
    flat = run.walk(lambda m: loss(m).item(), model, segments="0-2", **quick)  # a walk needs no gradient
    assert flat.summary.segments == 3
    try:
        run.walk(loss, model, training=True, segments="0-2", **quick)
    except AnalysisError as e:
        assert "\n" not in str(e) and "loss" in str(e), e
    else:
        raise AssertionError("dropout gives another loss each time")
    assert all(m.training for m in model.modules())


def large():
    """Large parameters use the memory of theta, unless the loss uses an older view of one."""
    wide = lambda: nn.Sequential(nn.Linear(6, 1100), nn.Tanh(), nn.Linear(1100, 1000), nn.Tanh(), nn.Linear(1000, 3))
    torch.manual_seed(3)
    model = wide()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, optimizer, out="large", args=["--quiet"]) as recorder:
        train(model, optimizer, 3, recorder)
    run = sgdwalk.open("large")
    others = [torch.randn_like(p) for p in model.parameters()]
    with torch.no_grad():
        for p, t in zip(model.parameters(), others):
            p.copy_(t)
    weight, few = model[2].weight, x[:2]  # few, so that copying theta takes a share of the time
    own, places = weight.data_ptr(), []

    def plain(model):
        places.append(weight.data_ptr())
        return F.cross_entropy(model(few), y[:2])

    def older(model):
        places.append(weight.data_ptr())
        hidden = F.linear(torch.tanh(model[0](few)), view, model[2].bias)
        return F.cross_entropy(model[4](torch.tanh(hidden)), y[:2])

    def failing(model):
        if not torch.isfinite(view).all():
            raise ValueError("the older view is NaN")
        return older(model)

    view, home = weight.detach(), sys.modules.get("sgdwalk.conversation", sgdwalk)
    expected = run.walk(plain, model, segments="0-1", **quick).tables["losses"]["loss"]
    assert places[0] == own and places[-1] != own, "the weight did not use the memory of theta"
    for loss_of_view in (older, failing):
        places.clear()
        found = run.walk(loss_of_view, model, segments="0-1", **quick).tables["losses"]["loss"]
        assert places[-1] == own and np.array_equal(found, expected), (found, expected)
        eigenvalues = []
        for many in (home._SHARED_FROM, 1 << 40):  # of the second one theta is always copied
            with unittest.mock.patch.object(home, "_SHARED_FROM", many):
                curved = run.curvature(loss_of_view, model, top=1, products=8, probes=0, out=f"curved-{many}", **quick)
            eigenvalues.append(curved.summary.top)
        assert eigenvalues[0] == eigenvalues[1] and eigenvalues[0][0] > 0, eigenvalues
    assert weight.data_ptr() == own and all(map(torch.equal, model.parameters(), others))

    arrays = {n: p.detach().numpy().copy() for n, p in model.named_parameters()}
    kept, before = dict(arrays), {n: a.copy() for n, a in arrays.items()}

    def of_arrays(arrays):
        a = list(arrays.values())
        places.append(a[2] is kept["2.weight"])
        hidden = np.tanh(np.tanh(few.numpy() @ a[0].T + a[1]) @ a[2].T + a[3]) @ a[4].T + a[5]
        return F.cross_entropy(torch.from_numpy(hidden), y[:2])

    places.clear()
    found = run.walk(of_arrays, arrays, segments="0-1", **quick).tables["losses"]["loss"]
    assert places[0] and not places[-1] and np.allclose(found, expected, rtol=1e-5), (places, found, expected)
    assert all(arrays[n] is kept[n] and np.array_equal(kept[n], before[n]) for n in kept)


def slow(folder):
    """What the child does that is interrupted: it says how far it is, and continues after Ctrl-C."""
    os.chdir(folder)
    run, model, count = sgdwalk.open("adam0"), network(), [0]

    def waits(model):
        count[0] += 1
        print("evaluation", count[0], flush=True)
        time.sleep(0.02)
        return loss(model)

    start = {n: t.clone() for n, t in model.state_dict().items()}
    try:
        run.walk(waits, model, segments="all", out="interrupted", **quick)
    except KeyboardInterrupt as e:
        assert all(torch.equal(start[n], t) for n, t in model.state_dict().items()) and model.training
        print("interrupted:", e, flush=True)
        count[0] = 0
        again = run.walk(waits, model, segments="all", out="interrupted", **quick)
        print("continued:", [m for m in again.messages if "continues" in m], flush=True)
        whole = run.walk(loss, model, segments="all", out="whole", **quick)
        assert np.array_equal(again.tables["losses"], whole.tables["losses"])
        print("evaluations:", count[0], whole.summary.evaluations, flush=True)


def children_of(pid):
    return subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True).stdout.split()


def sockets():
    return list(pathlib.Path(tempfile.gettempdir()).glob("sgdwalk-????????/s"))


def start_slow():
    """Start the child, and wait until it has evaluated some points."""
    child = subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), os.getcwd(), "slow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in child.stdout:
        if line.startswith("evaluation 60"):
            return child
    raise AssertionError("the child has ended: " + line)


def interrupted():
    """Ctrl-C, which goes to the whole group of the process, keeps what is finished."""
    child = start_slow()
    os.killpg(child.pid, signal.SIGINT)
    out, _ = child.communicate(timeout=120)
    lines = {k: v for k, _, v in (line.partition(": ") for line in out.splitlines()) if not k.startswith("evaluation ")}
    assert child.returncode == 0, out
    assert "finished units are kept, and the same call computes the others" in lines["interrupted"], out
    assert "continues with the" in lines["continued"], out
    again, whole = map(int, lines["evaluations"].split())
    assert 0 < again < whole - 20, lines


def killed():
    """A program that is killed is an error; one whose caller is killed ends."""
    child = start_slow()
    (program,) = children_of(child.pid)
    os.kill(int(program), signal.SIGKILL)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 1 and "AnalysisError: the program ended with -9" in out, out
    assert not sockets(), "a socket is left"
    child = start_slow()
    (program,) = children_of(child.pid)
    child.kill()
    child.communicate(timeout=60)
    for _ in range(100):
        if not os.path.exists(f"/proc/{program}"):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the program outlives its caller")
    (left,) = sockets()  # nothing can remove it but the next analysis
    run = sgdwalk.open("adam0")
    run.walk(loss, network(), segments="0-2", **quick)
    assert sockets() == [left], "a new socket was removed"
    os.utime(left, (0, 0))
    run.walk(loss, network(), segments="0-2", **quick)


if len(sys.argv) > 2:
    slow(sys.argv[1])
else:
    os.chdir(sys.argv[1])
    for check in (untouched, while_recording, forms, batches, large, interrupted, killed):
        check()
        assert not sockets(), "a socket is left"
        assert len(children_of(os.getpid())) <= 1, "a process is left"  # ps itself
    print("ok")

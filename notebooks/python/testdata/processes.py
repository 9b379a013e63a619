"""How much faster two processes of an objective are than one, beside two programs that do
the same work without sgdwalk: LeNet in PyTorch, one thread each.

    go build -o sgdwalk ./cmd/sgdwalk; ./sgdwalk python > sgdwalk.py
    SGDWALK=./sgdwalk PYTHONPATH=. python3 notebooks/python/testdata/processes.py

Processes note when each evaluation begins and ends, on the clock that they share. What
counts is evaluations a second between the first tenth of them and the last.
"""

import argparse
import atexit
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

import sgdwalk

parser = argparse.ArgumentParser()
parser.add_argument("--examples", type=int, default=1000)
parser.add_argument("--chunk", type=int, default=50)
parser.add_argument("--grid", type=int, default=15)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--procs", type=int, default=2)
parser.add_argument("--role", default="")
parser.add_argument("--log", default="")
options = parser.parse_args()
torch.set_num_threads(1)

source = pathlib.Path(__file__).parents[3] / "train/nn/testdata/pytorch.py"
spec = importlib.util.spec_from_file_location("networks", source)
networks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(networks)

torch.manual_seed(1)
model = networks.lenet()
x, y = torch.randn(options.examples, 1, 28, 28), torch.randint(0, 10, (options.examples,))
times = []


def loss(model):
    start = time.perf_counter()
    # In parts whose activations stay in the cache: twice as fast as all at once, whose
    # memory the system hands out anew each time, to one process after the other.
    value = sum(
        float(F.cross_entropy(model(a), b, reduction="sum"))
        for a, b in zip(x.split(options.chunk), y.split(options.chunk))
    ) / len(x)
    times.append((start, time.perf_counter()))
    return value


def save():
    if times:
        np.save(f"{options.log}/{os.getpid()}.npy", np.array(times))


if options.role == "objective":
    atexit.register(save)
    sgdwalk.serve(loss, model)
    sys.exit()
if options.role == "alone":
    model.eval()
    for p in model.parameters():
        p.requires_grad_(False)
    print("ready", flush=True)
    sys.stdin.readline()  # all begin together
    for _ in range(options.grid**2 // 2):
        loss(model)
    save()
    sys.exit()


def rate(log):
    """Evaluations a second of all processes together, and the share of the time in which
    they evaluate."""
    all_times = np.concatenate([np.load(f) for f in pathlib.Path(log).glob("*.npy")])
    all_times = all_times[all_times[:, 0].argsort()]
    first, last = all_times[len(all_times) // 10, 0], all_times[-1, 0]
    between = all_times[(all_times[:, 0] >= first) & (all_times[:, 0] < last)]
    return len(between) / (last - first), float((between[:, 1] - between[:, 0]).sum() / (last - first))


def command(log, role):
    return [
        sys.executable,
        __file__,
        "--role",
        role,
        "--log",
        log,
        "--examples",
        str(options.examples),
        "--chunk",
        str(options.chunk),
        "--grid",
        str(options.grid),
    ]


def alone(n):
    """n programs that do nothing but evaluate."""
    with tempfile.TemporaryDirectory() as log:
        programs = [
            subprocess.Popen(command(log, "alone"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(n)
        ]
        for p in programs:
            p.stdout.readline()
        for p in programs:
            p.stdin.write(b"go\n")
            p.stdin.flush()
        assert all(p.wait() == 0 for p in programs)
        return rate(log)


def through(run, n):
    """sgdwalk landscape with n processes."""
    with tempfile.TemporaryDirectory() as log:
        program = os.environ.get("SGDWALK", "sgdwalk")
        subprocess.run(
            [
                program,
                "landscape",
                "-q",
                "--plane",
                "random",
                "--grid",
                f"{options.grid}x{options.grid}",
                "--out",
                f"{log}/out",
                "--objective",
                " ".join(command(log, "objective")),
                "--objective-procs",
                str(n),
                run,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return rate(log)


with tempfile.TemporaryDirectory() as d:
    run = d + "/run"
    with sgdwalk.Recorder(model, out=run, args=["--quiet"]) as recorder:
        recorder.step(0.0)
    results = {}
    for _ in range(options.rounds):
        for name, f in (("alone", alone), ("sgdwalk", lambda n: through(run, n))):
            for n in (1, options.procs):
                results.setdefault((name, n), []).append(f(n))
# The best of the rounds is the one that other programs disturbed least.
best = {}
for (name, n), values in results.items():
    best[name, n], busy = max(values)
    print(
        f"{name}, {n} process{'es' * (n > 1)}: {best[name, n]:.1f} evaluations/s (rounds: {', '.join(f'{r:.1f}' for r, _ in values)}), {busy:.2f} at a time"
    )
for name in ("alone", "sgdwalk"):
    print(f"{name}: {options.procs} processes are {best[name, options.procs] / best[name, 1]:.2f} times one")

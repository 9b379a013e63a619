#!/usr/bin/env python3
"""Adam against SGD: trains the transformer, replays step lengths, measures recorded paths.

    adam.py scan DIR KIND      prints the rates to try, as OPTIMIZER:RATE
    adam.py rates DIR          trains the transformer with all of them
    adam.py record DIR         chooses the rate of each optimizer and records the transformers
    adam.py best DIR KIND      prints the chosen rates, as OPTIMIZER:RATE
    adam.py replay DIR KIND    trains one optimizer with the step lengths of the other
    adam.py paths DIR KIND     measures the recorded paths, and both directions at one point
    adam.py check DIR          fails unless the runs did what the page says
    adam.py table DIR          prints means and intervals over seeds
    adam.py figure DIR         draws the figure of the page (needs matplotlib)

KIND is transformer or cnn. study.sh calls these in order.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import itertools
import json
import math
import os
import pathlib
from typing import Any, Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sgdwalk
from table import cell, write

NOTEBOOKS = pathlib.Path(__file__).resolve().parents[3] / "notebooks" / "python"
RATES: dict[str, dict[str, tuple[float, ...]]] = {
    "transformer": {"sgd": (0.05, 0.1, 0.2), "adamw": (0.0025, 0.005, 0.01)},
    "cnn": {"sgd": (0.01, 0.02, 0.04), "adamw": (0.002, 0.004, 0.008, 0.016)},
}
DECAY, MOMENTUM, BETA2 = 0.01, 0.9, 0.999
DIRECTIONS = ("sgd", "adamw", "shuffled")
FACTORS = {"transformer": (1.0,), "cnn": (0.25, 0.5, 1.0)}  # of replayed lengths; the best one counts
QUIET: dict[str, Any] = {"progress": False, "formats": "svg"}

Array = np.ndarray[Any, Any]


class Task:
    """A model, its training set, and the mean loss over it. seeds are 1 to N."""

    size, batch, epochs = 256, 32, 30

    def build(self, seed: int) -> nn.Module:
        raise NotImplementedError

    def loss(self, model: nn.Module, rows: Any = slice(None)) -> torch.Tensor:
        raise NotImplementedError

    def part(self, model: nn.Module) -> torch.Tensor:
        """Return the loss over every fourth example, which is enough to compare directions."""
        return self.loss(model, slice(0, None, 4))

    def batches(self, seed: int) -> Iterator[torch.Tensor]:
        torch.manual_seed(1000 + seed)
        for _ in range(self.epochs):
            yield from torch.split(torch.randperm(self.size), self.batch)


class Text(Task):
    """The model and the text of transformer.ipynb, taken from its cells."""

    def __init__(self) -> None:
        cells = json.loads((NOTEBOOKS / "transformer.ipynb").read_text())["cells"]
        sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        self.names: dict[str, Any] = {}
        before = os.getcwd()
        os.chdir(NOTEBOOKS)
        try:
            for source in (sources[0], next(s for s in sources if "class Transformer" in s)):
                with contextlib.redirect_stdout(None):
                    exec(source, self.names)
        finally:
            os.chdir(before)

    def build(self, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model: nn.Module = self.names["Transformer"]()
        return model

    def loss(self, model: nn.Module, rows: Any = slice(None)) -> torch.Tensor:
        outputs = model(self.names["inputs"][rows]).flatten(0, 1)
        return F.cross_entropy(outputs, self.names["targets"][rows].flatten())


class LeNet(nn.Module):
    """The same network as --model lenet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.linear1, self.linear2, self.linear3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(self.conv1(x).relu(), 2)
        x = F.max_pool2d(self.conv2(x).relu(), 2).flatten(1)
        x = self.linear2(self.linear1(x).relu()).relu()
        logits: torch.Tensor = self.linear3(x)
        return logits


class Images(Task):
    """The first images of Fashion-MNIST, and the initialization of the recorded runs."""

    size, batch, epochs = 2000, 50, 6

    def __init__(self, directory: str, data: str):
        self.directory = directory
        with gzip.open(os.path.join(data, "train-images-idx3-ubyte.gz")) as f:
            pixels = np.frombuffer(f.read(), np.uint8, offset=16)[: self.size * 784]
        with gzip.open(os.path.join(data, "train-labels-idx1-ubyte.gz")) as f:
            labels = np.frombuffer(f.read(), np.uint8, offset=8)[: self.size]
        self.inputs = torch.from_numpy(pixels.astype(np.float32) / 255).view(-1, 1, 28, 28)
        self.targets = torch.from_numpy(labels.astype(np.int64))

    def build(self, seed: int) -> nn.Module:
        return self.load(LeNet(), sgdwalk.open(os.path.join(self.directory, "cnn", f"sgd-{seed}")), 0)

    def load(self, model: nn.Module, run: Any, row: int) -> nn.Module:
        load(model, np.array(run.theta[row]))
        return model

    def loss(self, model: nn.Module, rows: Any = slice(None)) -> torch.Tensor:
        return F.cross_entropy(model(self.inputs[rows]), self.targets[rows])


def load(model: nn.Module, theta: Array) -> None:
    """Copy a vector into the parameters, which are in the order of the recording."""
    values = torch.from_numpy(np.array(theta, np.float32))
    with torch.no_grad():
        for p, part in zip(model.parameters(), torch.split(values, [p.numel() for p in model.parameters()])):
            p.copy_(part.view(p.shape))


class Rule:
    """The directions of both optimizers from one sequence of gradients."""

    def __init__(self) -> None:
        self.step = 0
        self.velocity: Any = 0.0
        self.mean: Any = 0.0
        self.square: Any = 0.0

    def add(self, gradient: torch.Tensor) -> None:
        self.step += 1
        self.velocity = MOMENTUM * self.velocity + gradient
        self.mean = MOMENTUM * self.mean + (1 - MOMENTUM) * gradient
        self.square = BETA2 * self.square + (1 - BETA2) * gradient**2

    def scale(self) -> torch.Tensor:
        root: torch.Tensor = (self.square / (1 - BETA2**self.step)).sqrt() + 1e-8
        return root

    def direction(self, name: str) -> torch.Tensor:
        if name == "adamw":
            adam: torch.Tensor = self.mean / (1 - MOMENTUM**self.step) / self.scale()
            return adam
        velocity: torch.Tensor = self.velocity
        return velocity.sign() if name == "sign" else velocity


def train(
    task: Task, seed: int, name: str, rate: float = 0, lengths: Array | None = None, out: str | None = None
) -> float:
    """Train and return the loss at the end; record if out is given.

    With lengths, each row has the step length of every tensor, or one number for all of them:
    the direction is that of the optimizer, and its length is replaced.
    """
    model = task.build(seed)
    parameters = list(model.parameters())
    sizes = [p.numel() for p in parameters]
    rule = Rule()
    recorder = None
    if out:
        optimizer: torch.optim.Optimizer = torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM)
        if name == "adamw":
            optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=DECAY)
        recorder = sgdwalk.Recorder(
            model, optimizer, out=out, grad=True, seed=seed, data={"train_examples": task.size}, args=["--force"]
        )
    for step, batch in enumerate(task.batches(seed)):
        model.zero_grad()
        loss = task.loss(model, batch)
        torch.autograd.backward(loss)
        if recorder:
            recorder.step(loss, examples=len(batch))
        rule.add(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]))
        direction = rule.direction(name)
        theta = torch.cat([p.detach().flatten() for p in parameters])
        if lengths is None:
            theta = theta * (1 - rate * DECAY if name == "adamw" else 1) - rate * direction
        else:
            parts = torch.split(direction, sizes) if lengths.ndim == 2 else (direction,)
            wanted = np.atleast_1d(lengths[step])
            theta = theta - torch.cat(
                [float(w) / (torch.linalg.vector_norm(d) + 1e-30) * d for w, d in zip(wanted, parts)]
            )
        load(model, theta.numpy())
    if recorder:
        recorder.close()
    with torch.no_grad():
        end = task.loss(model).item()
    return end if math.isfinite(end) else math.inf


def read(directory: str, name: str) -> list[dict[str, Any]]:
    words = ("kind", "arm", "optimizer", "path", "direction")
    with open(os.path.join(directory, f"{name}.csv")) as f:
        return [{k: v if k in words else float(v or "nan") for k, v in row.items()} for row in csv.DictReader(f)]


def rates(directory: str, seeds: int) -> None:
    rows, task = [], Text()
    for name, values in RATES["transformer"].items():
        for rate in values:
            for seed in range(1, seeds + 1):
                loss = train(task, seed, name, rate)
                rows.append({"optimizer": name, "rate": rate, "seed": seed, "loss": loss})
                print(rows[-1], flush=True)
    write(os.path.join(directory, "transformer-rates.csv"), rows)


def rates_of_cnn(directory: str, seeds: int) -> None:
    """Read the losses at the end of the runs that study.sh trained, with all rates."""
    rows = []
    for name, values in RATES["cnn"].items():
        for rate in values:
            for seed in range(1, seeds + 1):
                place = pathlib.Path(directory) / "cnn-rates" / f"{name}-{rate:g}-{seed}" / "train.json"
                loss = json.loads(place.read_text())["result"]["full_loss"]
                rows.append({"optimizer": name, "rate": rate, "seed": seed, "loss": loss})
    write(os.path.join(directory, "cnn-rates.csv"), rows)


def best(directory: str, kind: str) -> dict[str, float]:
    """Return for each optimizer the rate with the lowest mean loss over the seeds."""
    rows = read(directory, f"{kind}-rates")
    found = {}
    for name, values in RATES[kind].items():
        means = {
            v: np.mean([r["loss"] for r in rows if r["optimizer"] == name and math.isclose(r["rate"], v)])
            for v in values
        }
        found[name] = min(values, key=lambda v: float(means[v]))
    return found


def lengths_of(run: Any) -> Array:
    """Return the length of every update in every tensor."""
    updates = np.diff(np.array(run.theta[:], np.float64), axis=0)
    parts = [updates[:, t["offset"] : t["offset"] + math.prod(t["shape"])] for t in run.layout]
    return np.stack([np.linalg.norm(part, axis=1) for part in parts], 1)


def replay(directory: str, kind: str, task: Task, seeds: int) -> None:
    """Train with both optimizers, and with one's directions and the other's recorded step lengths."""
    rows: list[dict[str, Any]] = []
    chosen, tried = best(directory, kind), read(directory, f"{kind}-rates")
    for seed in range(1, seeds + 1):
        runs = {n: sgdwalk.open(os.path.join(directory, kind, f"{n}-{seed}")) for n in chosen}
        tensors = {n: lengths_of(run) for n, run in runs.items()}
        whole = {n: np.linalg.norm(t, axis=1) for n, t in tensors.items()}
        # The null of the lengths of tensors: those of other tensors, for the same length of the step.
        roots = np.sqrt([math.prod(t["shape"]) for t in runs["adamw"].layout])
        others = (tensors["adamw"] / roots)[:, np.random.default_rng(seed).permutation(len(roots))] * roots
        others *= (whole["adamw"] / np.linalg.norm(others, axis=1))[:, None]
        arms: dict[str, tuple[str, Array | None]] = {
            "SGD": ("sgd", None),
            "AdamW": ("adamw", None),
            "SGD, lengths of AdamW": ("sgd", whole["adamw"]),
            "SGD, lengths of AdamW's tensors": ("sgd", tensors["adamw"]),
            "SGD, lengths of random tensors": ("sgd", others),
            "sign of momentum, lengths of AdamW": ("sign", whole["adamw"]),
            "AdamW, lengths of SGD": ("adamw", whole["sgd"]),
        }
        for arm, (name, lengths) in arms.items():
            for factor in (1.0,) if lengths is None else FACTORS[kind]:
                scaled = None if lengths is None else factor * lengths
                if lengths is None and kind == "transformer":  # trained before, with the same batches
                    same = (name, chosen[name], seed)
                    loss = next(r["loss"] for r in tried if (r["optimizer"], r["rate"], r["seed"]) == same)
                else:
                    loss = train(task, seed, name, chosen.get(name, 0), scaled)
                rows.append({"arm": arm, "factor": factor, "seed": seed, "loss": loss})
                print(kind, rows[-1], flush=True)
    write(os.path.join(directory, f"{kind}-replay.csv"), rows)


def ends(directory: str, kind: str) -> dict[str, Array]:
    """Return the losses of every arm over the seeds, with the factor that has the lowest mean."""
    rows = read(directory, f"{kind}-replay")
    found = {}
    for arm in dict.fromkeys(r["arm"] for r in rows):
        tried = [np.array([r["loss"] for r in rows if (r["arm"], r["factor"]) == (arm, f)]) for f in FACTORS[kind]]
        found[arm] = min((t for t in tried if len(t)), key=lambda losses: float(losses.mean()))
    return found


def spread(run: Any, path: Any, column: str, over: str | None = None) -> float:
    """Return largest / smallest over the tensors of the median size of their vectors."""
    layers = path.tables["layers"]
    medians = []
    for t in run.layout:
        if t["name"].endswith("key.bias"):
            continue  # its gradient is exactly 0, and what is recorded is rounding
        here = layers["tensor"] == t["name"]
        values = layers[column][here] / (layers[over][here] if over else math.prod(t["shape"]) ** 0.5)
        medians.append(np.nanmedian(values))
    return float(max(medians) / min(medians))


def paths(directory: str, kind: str, task: Task, seeds: int) -> None:
    rows: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    for seed in range(1, seeds + 1):
        for name in RATES[kind]:
            place = os.path.join(directory, kind, f"{name}-{seed}")
            run = sgdwalk.open(place)
            path = run.path(layers=True, **QUIET)
            rows.append(
                {
                    "kind": kind,
                    "optimizer": name,
                    "seed": seed,
                    "displacement": path.summary.displacement,
                    "step length": path.summary.update_norm.median,
                    "spread of gradients": spread(run, path, "grad_norm"),
                    "spread of rates": spread(run, path, "update_norm", "grad_norm"),
                }
            )
            print(rows[-1], flush=True)
            points += [{"kind": kind, "path": name, "seed": seed, **p} for p in directions(task, run, seed)]
    write(os.path.join(directory, f"{kind}-paths.csv"), rows)
    write(os.path.join(directory, f"{kind}-points.csv"), points)


def directions(task: Task, run: Any, seed: int, every: int = 20) -> Iterator[dict[str, Any]]:
    """Compare the directions of both optimizers at iterates of one path.

    All directions come from the gradients of this path, up to the iterate, and have the
    length of the path's own update. The last one has the scales of AdamW in random places
    of the same tensor.
    """
    model = task.build(seed)
    sizes = [p.numel() for p in model.parameters()]
    rule = Rule()
    random = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def loss(theta: torch.Tensor) -> float:
        load(model, theta.numpy())
        return task.part(model).item()

    for k in range(len(run.theta) - 1):
        rule.add(torch.from_numpy(np.array(run.grad[k])))
        if k == 0 or k % every:
            continue
        theta = torch.from_numpy(np.array(run.theta[k]))
        length = float(torch.linalg.vector_norm(torch.from_numpy(np.array(run.theta[k + 1])) - theta))
        shuffled = torch.cat([s[torch.randperm(len(s), generator=random)] for s in torch.split(rule.scale(), sizes)])
        here = loss(theta)
        for name, direction in {
            "sgd": rule.direction("sgd"),
            "adamw": rule.direction("adamw"),
            "shuffled": rule.velocity / shuffled,
        }.items():
            step = direction * (length / torch.linalg.vector_norm(direction))
            along = {a: loss(theta - a * step) for a in (-0.5, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)}
            yield {
                "step": k,
                "direction": name,
                "curvature": (along[0.5] + along[-0.5] - 2 * here) / (0.5 * length) ** 2,
                "slope": (along[-0.5] - along[0.5]) / length,
                "best decrease": here - min(here, *along.values()),
            }


def check(directory: str, data: str) -> None:
    cnn = Images(directory, data)
    for kind in RATES:
        task = cnn if kind == "cnn" else Text()
        losses = ends(directory, kind)
        for name, arm in (("sgd", "SGD"), ("adamw", "AdamW")):
            for seed, known in enumerate(losses[arm], 1):
                place = os.path.join(directory, kind, f"{name}-{seed}")
                run = sgdwalk.open(place)
                if kind == "transformer":
                    run.audit(fail_on="warning", **QUIET)  # every update, with the rule of the optimizer in the header
                else:  # whose recorded run is that of the Go trainer
                    known = json.loads(pathlib.Path(place, "train.json").read_text())["result"]["full_loss"]
                model = task.build(seed)
                load(model, np.array(run.theta[-1]))
                loss = task.loss(model).item()
                assert abs(loss - known) < 1e-5, f"{place}: the loss at the end is {loss}, not {known}"
        gap = float(np.mean(losses["SGD"] - losses["AdamW"]))
        assert gap > 0.02, f"{kind}: AdamW is not below SGD: {gap}"
        print(f"{kind}: AdamW ends lower than SGD by {gap:.3f}")
        points = read(directory, f"{kind}-points")
        for path in RATES[kind]:
            adam, sgd = (means(points, path, direction, "curvature").mean() for direction in ("adamw", "sgd"))
            assert (
                0 < adam < sgd / 2
            ), f"{kind}, {path}'s path: curvature {adam} along AdamW's direction, {sgd} along SGD's"


def table(directory: str) -> None:
    """Print the mean over seeds and its interval for everything that was measured."""
    for kind in RATES:
        rows = read(directory, f"{kind}-rates")
        print(f"\n{kind}: training loss at the end, by rate")
        for name, rate in dict.fromkeys((r["optimizer"], r["rate"]) for r in rows):
            here = [r["loss"] for r in rows if (r["optimizer"], r["rate"]) == (name, rate)]
            print(f"| {name} {rate:g} | {cell(here)} |")

        losses = ends(directory, kind)
        gap = losses["SGD"] - losses["AdamW"]
        print(f"\n{kind}: loss; difference from SGD, paired; share of the gap that it closes")
        for arm, values in losses.items():
            better = losses["SGD"] - values
            print(f"| {arm} | {cell(list(values))} | {cell(list(-better))} | {cell(list(better / gap))} |")

        rows = read(directory, f"{kind}-paths")
        print(f"\n{kind}: paths")
        for column in [c for c in rows[0] if c not in ("kind", "optimizer", "seed")]:
            cells = [cell([r[column] for r in rows if r["optimizer"] == name]) for name in RATES[kind]]
            print(f"| {column} | " + " | ".join(cells) + " |")

        points = read(directory, f"{kind}-points")
        print(f"\n{kind}: along three directions at the same points of a path; ratio to the direction of SGD")
        for path, name in itertools.product(RATES[kind], DIRECTIONS):
            cells = []
            for column in ("curvature", "slope", "best decrease"):
                values, null = (means(points, path, direction, column) for direction in (name, "sgd"))
                cells += [cell(list(values)), cell(list(values / null))]
            print(f"| {path}'s path, {name}'s direction | " + " | ".join(cells) + " |")


def means(points: list[dict[str, Any]], path: str, direction: str, column: str) -> Array:
    """Return the mean over the points of a path, for every seed."""
    here = [p for p in points if (p["path"], p["direction"]) == (path, direction)]
    return np.array([np.mean([p[column] for p in here if p["seed"] == s]) for s in sorted({p["seed"] for p in here})])


def figure(directory: str) -> None:
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})
    picture, axes = plt.subplots(2, 3, figsize=(10.5, 4.8), gridspec_kw={"width_ratios": [1.3, 1, 1]})
    colours = {"adamw": "#0b62a4", "shuffled": "0.4"}
    for kind, (left, middle, right) in zip(RATES, axes):
        losses, points = ends(directory, kind), read(directory, f"{kind}-points")
        for place, values in enumerate(losses.values()):
            left.plot(values, [place] * len(values), "o", ms=4, mfc="none", color="#0b62a4" if place < 2 else "0.3")
            left.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color="k", lw=1)
        left.set(yticks=range(len(losses)), yticklabels=losses, ylim=(len(losses) - 0.5, -0.5))
        left.set_xlabel(f"{kind}: training loss at the end")
        for axis, column in ((middle, "curvature"), (right, "best decrease")):
            ticks = []
            for place, (path, name) in enumerate(itertools.product(RATES[kind], ("adamw", "shuffled"))):
                ratios = means(points, path, name, column) / means(points, path, "sgd", column)
                axis.plot(ratios, [place] * len(ratios), "o", ms=4, mfc="none", color=colours[name])
                words = {"sgd": "SGD's path", "adamw": "AdamW's path", "shuffled": "scales shuffled"}
                ticks.append(f"{words[path]}:\n{words[name].replace(chr(39) + 's path', '')}")
            axis.axvline(1, color="0.6", ls="--", lw=1)
            axis.set(yticks=range(len(ticks)), yticklabels=ticks, ylim=(len(ticks) - 0.5, -0.5), xlim=(0, None))
            axis.set_xlabel(f"{column}, relative to SGD")
    picture.tight_layout()
    picture.savefig(os.path.join(directory, "adam.svg"))
    picture.savefig(os.path.join(directory, "adam.png"), dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", choices=["scan", "rates", "record", "best", "replay", "paths", "check", "table", "figure"]
    )
    parser.add_argument("directory")
    parser.add_argument("kind", nargs="?", default="transformer", choices=list(RATES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--small", action="store_true", help="one rate and one factor for each optimizer")
    arguments = parser.parse_args()
    if arguments.small:  # one rate for each optimizer, the best one of the full study, and one factor
        FACTORS["cnn"] = (1.0,)
        RATES.update({"transformer": {"sgd": (0.1,), "adamw": (0.005,)}, "cnn": {"sgd": (0.02,), "adamw": (0.008,)}})
    torch.set_num_threads(1)
    directory, kind, seeds = arguments.directory, arguments.kind, arguments.seeds
    if arguments.what == "scan":
        print(" ".join(f"{name}:{rate:g}" for name, values in RATES[kind].items() for rate in values))
    elif arguments.what == "rates":
        rates(directory, seeds)
    elif arguments.what == "record":
        task: Task = Text()
        for name, rate in best(directory, "transformer").items():
            for seed in range(1, seeds + 1):
                train(task, seed, name, rate, out=os.path.join(directory, "transformer", f"{name}-{seed}"))
    elif arguments.what == "best":
        if kind == "cnn":
            rates_of_cnn(directory, seeds)
        print(" ".join(f"{name}:{rate:g}" for name, rate in best(directory, kind).items()))
    elif arguments.what in ("replay", "paths"):
        task = Text() if kind == "transformer" else Images(directory, arguments.data)
        (replay if arguments.what == "replay" else paths)(directory, kind, task, seeds)
    elif arguments.what == "check":
        check(directory, arguments.data)
    else:
        {"table": table, "figure": figure}[arguments.what](directory)


if __name__ == "__main__":
    main()

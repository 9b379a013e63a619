#!/usr/bin/env python3
"""Modular addition: writes the data, trains the transformer, measures the recorded paths.

    grokking.py data DIR         writes the sums as IDX files, one folder per seed
    grokking.py transformer DIR  trains and records the transformers
    grokking.py measure DIR      measures all recorded runs, and writes runs.csv and curves.csv
    grokking.py check DIR        fails unless the runs did what the page says
    grokking.py table DIR        prints means and intervals over seeds
    grokking.py figure DIR       draws the figure of the page (needs matplotlib)

study.sh calls these in order.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import struct
from typing import Any, Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sgdwalk
from table import cell, write

MODULUS = 31
SHARE = {"mlp": 0.6, "transformer": 0.5}  # of the sums that train
LEVEL = 0.85  # held-out accuracy at which a run has grokked
RATE, BETAS = 0.01, (0.9, 0.98)
DECAY = {"decay": 1.0, "control": 0.0}
ATTENTION = "query.weight,key.weight,value.weight,out.weight"
DIMENSIONS = (0, 1, 2, 3, 5, 10)
QUIET: dict[str, Any] = {"progress": False, "formats": "svg"}

Array = np.ndarray[Any, Any]
Accuracy = Callable[[Array], "tuple[float, float]"]  # of theta: training, held out


def sums(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return all pairs in an order of this seed, their sums, and how many train."""
    order = torch.randperm(MODULUS**2, generator=torch.Generator().manual_seed(seed))
    pairs = torch.stack([order // MODULUS, order % MODULUS], 1)
    return pairs, pairs.sum(1) % MODULUS, int(SHARE[kind] * len(order))


def write_data(directory: str, seeds: int) -> None:
    """Write images of two rows, one for each number: a white pixel at its place."""
    for seed in range(1, seeds + 1):
        folder = os.path.join(directory, "data", str(seed))
        os.makedirs(folder, exist_ok=True)
        pairs, targets, n = sums("mlp", seed)
        images = (255 * F.one_hot(pairs, MODULUS)).to(torch.uint8).numpy()
        labels = targets.to(torch.uint8).numpy()
        for part, rows in (("train", slice(0, n)), ("t10k", slice(n, None))):
            with open(os.path.join(folder, f"{part}-images-idx3-ubyte"), "wb") as f:
                f.write(struct.pack(">4I", 0x0803, *images[rows].shape) + images[rows].tobytes())
            with open(os.path.join(folder, f"{part}-labels-idx1-ubyte"), "wb") as f:
                f.write(struct.pack(">2I", 0x0801, len(labels[rows])) + labels[rows].tobytes())


class Transformer(nn.Module):
    """One block without normalization, as in Nanda et al. 2023; the third token is "="."""

    def __init__(self, width: int = 32, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.embed, self.position = nn.Embedding(MODULUS + 1, width), nn.Embedding(3, width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.head = nn.Linear(width, MODULUS, bias=False)
        for embedding in (self.embed, self.position):
            nn.init.normal_(embedding.weight, std=width**-0.5)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        tokens = torch.cat([pairs, torch.full((len(pairs), 1), MODULUS)], 1)
        x = self.embed(tokens) + self.position.weight
        last = x[:, -1:]  # only the last place is read
        q, k, v = (
            f(h).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for f, h in ((self.query, last), (self.key, x), (self.value, x))
        )
        attention = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        x = last + self.out((attention @ v).transpose(1, 2).flatten(2))
        x = x + self.down(F.relu(self.up(x)))
        logits: torch.Tensor = self.head(x[:, 0])
        return logits


def train_transformer(out: str, seed: int, decay: float, steps: int) -> None:
    pairs, targets, n = sums("transformer", seed)
    torch.manual_seed(seed)
    model = Transformer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=BETAS, weight_decay=decay)
    with sgdwalk.Recorder(
        model, optimizer, out=out, batch=n, steps=steps, seed=seed, data={"train_examples": n}, args=["--force"]
    ) as recorder:
        for step in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(pairs[:n]), targets[:n])
            torch.autograd.backward(loss)
            recorder.step(loss, epoch=step + 1, examples=n)
            optimizer.step()


def walk_on_noise(out: str, start: Array, seed: int, decay: float, steps: int) -> None:
    """Record the same optimizer from the same start, with Gaussian noise for a gradient."""
    torch.manual_seed(seed)
    model = nn.Linear(len(start), 1, bias=False)
    model.weight.data[0] = torch.tensor(start)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=BETAS, weight_decay=decay)
    with sgdwalk.Recorder(model, optimizer, out=out, steps=steps, seed=seed, args=["--force"]) as recorder:
        for _ in range(steps):
            model.weight.grad = torch.randn_like(model.weight)
            recorder.step(0.0)
            optimizer.step()


def accuracy_of(kind: str, seed: int, layout: Any) -> Accuracy:
    """Return the function that evaluates theta on the sums of a seed."""
    pairs, targets, n = sums(kind, seed)
    model = nn.Module()
    if kind == "transformer":
        model = Transformer()
    inputs = F.one_hot(pairs, MODULUS).flatten(1).float()

    def logits(theta: Array) -> torch.Tensor:
        values = [
            torch.from_numpy(np.array(theta[t["offset"] : t["offset"] + math.prod(t["shape"])], np.float32)).view(
                t["shape"]
            )
            for t in layout
        ]
        if kind == "mlp":
            w1, b1, w2, b2 = values
            return F.linear(F.relu(F.linear(inputs, w1, b1)), w2, b2)
        model.load_state_dict({t["name"]: v for t, v in zip(layout, values)})
        outputs: torch.Tensor = model(pairs)
        return outputs

    @torch.no_grad()
    def accuracy(theta: Array) -> tuple[float, float]:
        right = (logits(theta).argmax(1) == targets).float()
        return right[:n].mean().item(), right[n:].mean().item()

    return accuracy


def first(steps: Array, values: Array, level: float) -> int:
    """Return the first step from which the value is at least level, or -1."""
    above = np.flatnonzero(values >= level)
    return int(steps[above[0]]) if len(above) else -1


def shares(run: Any, out: str, walks: int, **options: Any) -> dict[str, float]:
    """Return the shares of the first directions, and those of the nulls."""
    if "tensors" not in options:
        options["kinds"] = "all"
    s = run.pca(out=out, scores_only=True, surrogates=walks, **options, **QUIET).summary
    found = {"pc1": s.explained_variance_ratio[0], "pc2": s.explained_variance_ratio[1]}
    found["participation"] = s.participation_ratio
    found["random walk"] = s.random_walk.explained_variance_ratio[0]
    if walks:
        for name in ("sign_flips", "permutations"):
            found[name.replace("_", " ")] = s.surrogates[name][0].mean
        found["sign flips at least"] = s.surrogates.sign_flips[0].at_least
    return found


def follow(run: Any, out: str, accuracy: Accuracy, begin: int, end: int) -> dict[str, float]:
    """Compare the accuracies along the path with those of its shadows in few dimensions.

    The shadow in k dimensions is the nearest point on the first k directions of the steps
    from begin to end; with k = 0 it is their mean. The chord is the straight line from the
    iterate at begin to the iterate at end, which knows nothing of the path between them.
    """
    pca = run.pca(out=out, kinds="all", rows=f"{begin}-{end}", components=max(DIMENSIONS), surrogates=0, **QUIET)
    components, scores = pca.tables["components"], pca.tables["scores"]
    columns = [f"pc{k + 1}" for k in range(max(DIMENSIONS))]
    basis = np.array([components[c] for c in columns], np.float64)
    center = np.array(components["reference"], np.float64)
    from_, to = (np.array(run.theta[k], np.float64) for k in (begin, end))
    chord = to - from_
    gaps: dict[str, list[float]] = {}
    for step in np.unique(np.linspace(begin, end, 41).astype(int)):
        theta = np.array(run.theta[int(step)], np.float64)
        score = np.array([scores[c][step - begin] for c in columns])
        shadows = {f"{k} directions": center + score[:k] @ basis[:k] for k in DIMENSIONS}
        shadows["the chord"] = from_ + (theta - from_) @ chord / (chord @ chord) * chord
        train, test = accuracy(theta)
        for name, point in shadows.items():
            shadow_train, shadow_test = accuracy(point)
            gaps.setdefault(f"train gap of {name}", []).append(abs(shadow_train - train))
            gaps.setdefault(f"held-out gap of {name}", []).append(abs(shadow_test - test))
    return {name: float(np.mean(values)) for name, values in gaps.items()}


def measure(directory: str, seeds: int, walks: int) -> None:
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for kind in SHARE:
        for seed in range(1, seeds + 1):
            for arm, decay in DECAY.items():
                place = os.path.join(directory, kind, f"{arm}-{seed}")
                run = sgdwalk.open(place)
                theta = run.theta
                last = len(theta) - 1
                accuracy = accuracy_of(kind, seed, run.layout)
                steps = np.append(np.arange(0, last, 5), last)
                train, test = np.array([accuracy(theta[int(k)]) for k in steps]).T
                row: dict[str, Any] = {"kind": kind, "arm": arm, "seed": seed}
                row["memorized at"], row["grokked at"] = first(steps, train, 0.99), first(steps, test, LEVEL)
                row["held-out accuracy"] = test[-1]
                for k, a, b in zip(steps, train, test):
                    curves.append({"kind": kind, "arm": arm, "seed": seed, "step": k, "train": a, "test": b})

                here = os.path.join(place, "analysis")
                row.update(shares(run, f"{here}/pca", walks))
                row["pc1 of every 50th"] = shares(run, f"{here}/sparse", 0, rows="every:50")["pc1"]
                if kind == "transformer":
                    attention = shares(run, f"{here}/attention", walks, tensors=ATTENTION)
                    row.update({f"attention {name}": value for name, value in attention.items()})
                begin, end = row["memorized at"], row["grokked at"]
                if arm == "decay" and 0 <= begin < end:
                    window = shares(run, f"{here}/window", walks, rows=f"{begin}-{end}")
                    row.update({f"window {name}": value for name, value in window.items()})
                    row.update(follow(run, f"{here}/directions", accuracy, begin, end))
                if arm == "decay":
                    walk_on_noise(f"{place}-noise", np.array(theta[0]), seed, decay, last)
                    noise = sgdwalk.open(f"{place}-noise")
                    row["adamw on noise"] = shares(noise, f"{place}-noise/analysis/pca", 0)["pc1"]

                rows.append(row)
                print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    write(os.path.join(directory, "runs.csv"), rows)
    write(os.path.join(directory, "curves.csv"), curves)


def read(directory: str, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table, with numbers as numbers and NaN for an empty cell."""
    with open(os.path.join(directory, f"{name}.csv")) as f:
        rows = list(csv.DictReader(f))
    words = ("kind", "arm")
    return [{k: v if k in words else float(v or "nan") for k, v in row.items()} for row in rows]


def check(directory: str) -> None:
    for row in read(directory, "runs"):
        place = os.path.join(directory, row["kind"], f"{row['arm']}-{row['seed']:.0f}")
        theta = np.array(sgdwalk.open(place).theta[:], np.float64)
        theta -= theta.mean(0)
        variances = np.linalg.eigvalsh(theta @ theta.T)
        assert abs(variances[-1] / variances.sum() - row["pc1"]) < 1e-4, "the first share differs from numpy's"
        assert row["memorized at"] >= 0, f"{place} never fits its training set"
        if row["arm"] == "control":
            assert row["grokked at"] < 0, f"{place} generalizes without weight decay"
            continue
        assert row["grokked at"] >= 3 * row["memorized at"], f"{place} does not grok"
        assert row["pc1"] < row["random walk"] + 0.15, f"{place} is closer to one dimension than the page says"
        assert row["held-out gap of 10 directions"] < 0.05 < row["held-out gap of 0 directions"], place
        print(f"{place}: memorized at {row['memorized at']:.0f}, grokked at {row['grokked at']:.0f}")


def table(directory: str) -> None:
    """Print the mean and the interval of every column, for every network and arm."""
    runs = read(directory, "runs")
    groups = list(dict.fromkeys((r["kind"], r["arm"]) for r in runs))
    print("| | " + " | ".join(f"{kind}, {arm}" for kind, arm in groups) + " |")
    print("|---" * (len(groups) + 1) + "|")
    for column in runs[0]:
        if column in ("kind", "arm", "seed"):
            continue
        values = [[r[column] for r in runs if (r["kind"], r["arm"]) == g] for g in groups]
        cells = [cell(v) if all(map(math.isfinite, v)) else "" for v in values]
        print(f"| {column} | " + " | ".join(cells) + " |")


def figure(directory: str) -> None:
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"})
    runs, curves = read(directory, "runs"), read(directory, "curves")
    colours = {"decay": "#0b62a4", "control": "#c44e00"}
    labels = {"decay": "weight decay 1", "control": "no weight decay"}
    picture, axes = plt.subplots(2, 3, figsize=(9.5, 5.2), gridspec_kw={"width_ratios": [1.2, 1, 1]})
    for kind, (left, middle, right) in zip(SHARE, axes):
        for seed in sorted({r["seed"] for r in runs}):
            for arm, colour in colours.items():
                line = [c for c in curves if (c["kind"], c["arm"], c["seed"]) == (kind, arm, seed)]
                steps = [c["step"] + 1 for c in line]
                left.plot(
                    steps, [c["test"] for c in line], color=colour, lw=1, label=labels[arm] if seed == 1 else None
                )
                if arm == "decay":
                    label = "training set" if seed == 1 else None
                    left.plot(steps, [c["train"] for c in line], color="0.7", lw=1, label=label)
        left.set(xscale="log", xlabel="step + 1", ylabel=f"{kind}: accuracy")
        if kind == "mlp":
            left.legend(frameon=False, loc="upper left")
        decay, control = ([r for r in runs if (r["kind"], r["arm"]) == (kind, arm)] for arm in colours)
        groups = {
            "run": [r["pc1"] for r in decay],
            "from memorized\nto grokked": [r["window pc1"] for r in decay],
            "no weight decay": [r["pc1"] for r in control],
            "updates with\nrandom signs": [r["sign flips"] for r in decay],
            "updates in\nrandom order": [r["permutations"] for r in decay],
            "AdamW on noise": [r["adamw on noise"] for r in decay],
        }
        for place, (name, values) in enumerate(groups.items()):
            middle.plot(values, [place] * len(values), "o", ms=4, mfc="none", color="#0b62a4" if place < 2 else "0.4")
        middle.axvline(decay[0]["random walk"], color="0.6", ls="--", lw=1)
        middle.text(decay[0]["random walk"], -0.75, "random walk", ha="center", color="0.4")
        middle.set(yticks=range(len(groups)), yticklabels=groups, xlim=(0, 1.02), ylim=(len(groups) - 0.5, -0.6))
        middle.set_xlabel("share of the first direction")
        for r in decay:
            gaps = [r[f"held-out gap of {k} directions"] for k in DIMENSIONS]
            right.plot(range(len(gaps)), gaps, color="#0b62a4", lw=1, marker="o", ms=3)
            right.axhline(r["held-out gap of the chord"], color="0.6", ls="--", lw=0.8)
        right.text(len(DIMENSIONS) - 1, decay[0]["held-out gap of the chord"], "straight line", ha="right", va="bottom")
        right.set(
            xticks=range(len(DIMENSIONS)), xticklabels=DIMENSIONS, xlabel="directions of the shadow", ylim=(0, None)
        )
        right.set_ylabel("gap in held-out accuracy")
    picture.tight_layout()
    picture.savefig(os.path.join(directory, "grokking.svg"))
    picture.savefig(os.path.join(directory, "grokking.png"), dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["data", "transformer", "measure", "check", "table", "figure"])
    parser.add_argument("directory")
    parser.add_argument("--seed", type=int, default=1, help="of the transformer")
    parser.add_argument("--seeds", type=int, default=5, help="of data and measure: 1 to this one")
    parser.add_argument("--steps", type=int, default=1500, help="of the transformer")
    parser.add_argument("--walks", type=int, default=20, help="surrogate walks of each kind")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.what == "data":
        write_data(arguments.directory, arguments.seeds)
    elif arguments.what == "transformer":
        for arm, decay in DECAY.items():
            out = os.path.join(arguments.directory, "transformer", f"{arm}-{arguments.seed}")
            train_transformer(out, arguments.seed, decay, arguments.steps)
    elif arguments.what == "measure":
        measure(arguments.directory, arguments.seeds, arguments.walks)
    else:
        {"check": check, "table": table, "figure": figure}[arguments.what](arguments.directory)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains small networks with PyTorch and writes series of checkpoints, for .ci/audit.

    series.py pair OUT           two seeds of a character model on the grid of Pythia: OUT/char-1, OUT/char-2
    series.py sound OUT          12 trainings with different optimizers, schedules, averages and types
    series.py sound --many OUT   60 trainings
    series.py torch OUT          series as torch.save writes them, in which one file is of another step

Needs python3-torch, and for images the files of dataset-fashion-mnist. Same call, same checkpoints.
"""
import argparse
import glob
import gzip
import json
import math
import multiprocessing
import os
import struct
import time
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

FASHION = "/usr/share/datasets/fashion-mnist"
TEXTS = "/usr/share/common-licenses/*"


class Training(NamedTuple):
    """One training. The name of its folder has all settings."""
    model: str = "mlp"           # mlp, cnn or char
    optimizer: str = "sgd"       # sgd, momentum, adam or adamw
    rate: float = 0.1
    schedule: str = "constant"
    grid: str = "pythia"         # pythia, even, log or every
    average: str = "none"        # none, ema or swa
    batch: int = 32
    decay: float = 0.0           # of weights
    type: str = "float32"        # of the file: float32, float16 or bfloat16
    steps: int = 1430
    seed: int = 0

    def name(self):
        return "-".join(str(v) for v in self)


class MLP(nn.Sequential):
    def __init__(self, width=64):
        super().__init__(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                         nn.Linear(width, 10))


class CNN(nn.Sequential):
    def __init__(self, channels=8):
        c = channels
        super().__init__(nn.Conv2d(1, c, 3, 2, 1), nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 2 * c, 3, 2, 1),
                         nn.BatchNorm2d(2 * c), nn.ReLU(), nn.Flatten(), nn.Linear(98 * c, 16 * c), nn.ReLU(),
                         nn.Linear(16 * c, 10))


class Block(nn.Module):
    """A layer of a transformer: causal attention and two linear layers, both after a normalization."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads)
        weights = weights.masked_fill(torch.ones(length, length).triu(1).bool(), -1e9).softmax(-1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class CharModel(nn.Module):
    """A language model that predicts the next character."""
    length = 32

    def __init__(self, characters, width=64, layers=2):
        super().__init__()
        self.embed, self.position = nn.Embedding(characters, width), nn.Embedding(self.length, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)

    def forward(self, text):
        return self.head(self.norm(self.blocks(self.embed(text) + self.position.weight)))


def images():
    def read(name, head):
        return np.frombuffer(gzip.open(f"{FASHION}/{name}.gz").read()[head:], np.uint8)
    x = torch.from_numpy(read("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).astype(np.float32))
    return (x / 255 - 0.28) / 0.35, torch.from_numpy(read("train-labels-idx1-ubyte", 8).astype(np.int64))


def text():
    raw = b"".join(open(f, "rb").read() for f in sorted(glob.glob(TEXTS)) if os.path.isfile(f))
    characters, ids = np.unique(np.frombuffer(raw, np.uint8), return_inverse=True)
    return len(characters), torch.from_numpy(ids)


def start(t):
    """Returns the model of a training, and a function that returns the loss of the next batch."""
    if t.model == "char":
        characters, ids = text()
        model = CharModel(characters)

        def loss():
            first = torch.randint(len(ids) - model.length - 1, (t.batch,))
            x = torch.stack([ids[i:i + model.length + 1] for i in first])
            return F.cross_entropy(model(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten())
        return model, loss
    x, y = images()
    model = {"mlp": MLP, "cnn": CNN}[t.model]()

    def loss():
        i = torch.randint(len(x), (t.batch,))
        return F.cross_entropy(model(x[i]), y[i])
    return model, loss


def optimizer(t, parameters):
    if t.optimizer in ("sgd", "momentum"):
        return torch.optim.SGD(parameters, t.rate, 0.9 if t.optimizer == "momentum" else 0, weight_decay=t.decay)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[t.optimizer](parameters, t.rate, weight_decay=t.decay)


def rate(t, step):
    """The learning rate of a step, relative to the largest one."""
    p = step / t.steps
    warm = min(1, step / (0.02 * t.steps))
    return {
        "constant": 1,
        "cosine": 0.5 + 0.5 * math.cos(math.pi * p),
        "warmcosine": warm * (0.55 + 0.45 * math.cos(math.pi * p)),
        "steps": 0.1 ** int(3 * p),
        "restarts": 0.5 + 0.5 * math.cos(math.pi * (4 * p % 1)),
        "wsd": warm * min(1, (1 - p) / 0.2),  # warm-up, stable, decay
        "linear": 1 - p,
        "warmup": warm,
        "cyclic": abs(6 * p % 2 - 1),
    }[t.schedule]


def grid(t):
    """The steps that are saved. Pythia saves 0, 1, 2, 4 ... 512, 1000, 2000 ... 143000: here scaled."""
    if t.grid == "pythia":
        unit = t.steps // 143
        return {0, *(2**i for i in range(10) if 2**i < unit), *range(unit, 143 * unit + 1, unit)}
    if t.grid == "even":
        return set(range(0, t.steps + 1, t.steps // 60))
    if t.grid == "log":
        return {0, *(round(t.steps ** (i / 40)) for i in range(41))}
    return set(range(121))


class Averaged:
    """An average of the weights: exponential, or from three fifths of the training on the plain mean."""

    def __init__(self, t, model):
        self.t, self.n, self.values = t, 0, {k: v.clone() for k, v in model.state_dict().items()}

    def add(self, model, step):
        if self.t.average == "ema":
            share = 1 - min(0.99, (1 + step) / (10 + step))
        elif self.t.average == "swa" and step > 0.6 * self.t.steps and step % 5 == 0:
            self.n += 1
            share = 1 / self.n
        else:
            return
        for k, v in model.state_dict().items():
            self.values[k] = self.values[k] + share * (v - self.values[k]) if v.is_floating_point() else v.clone()

    def of(self, model):
        return self.values if self.t.average == "ema" or self.n > 0 else model.state_dict()


def train(t):
    """Yields step and state dict of every saved step. The tensors are only valid until the next one."""
    torch.manual_seed(t.seed)
    torch.set_num_threads(1)
    model, loss = start(t)
    opt, average, saved = optimizer(t, model.parameters()), Averaged(t, model), grid(t)
    for step in range(max(saved) + 1):
        if step in saved:
            kind = getattr(torch, t.type)
            yield step, {k: v.to(kind) if v.is_floating_point() else v for k, v in average.of(model).items()}
        for group in opt.param_groups:
            group["lr"] = t.rate * rate(t, step)
        opt.zero_grad(set_to_none=True)
        loss().backward()
        opt.step()
        average.add(model, step)


def write_safetensors(path, tensors):
    types = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    head, body = {}, b""
    for name, v in tensors.items():
        raw = (v.view(torch.int16) if v.dtype == torch.bfloat16 else v).numpy().tobytes()
        head[name] = {"dtype": types[v.dtype], "shape": list(v.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def write_series(out, t):
    begin = time.time()
    for step, tensors in train(t):
        write_safetensors(f"{out}/step{step}/model.safetensors", tensors)
    print(f"{out}: {time.time() - begin:.0f} s", flush=True)


def char_pair():
    return [(f"char-{seed}", Training("char", "adamw", 2e-3, "warmcosine", batch=4, decay=0.1, steps=1430, seed=seed))
            for seed in (1, 2)]


def sound(many):
    few = [
        Training("char", "adamw", 2e-3, "warmup", batch=4, decay=0.1, type="bfloat16", steps=715),
        Training("char", "adam", 1e-3, "cosine", grid="even", batch=4, steps=720),
        Training("mlp", "sgd", 0.1, "constant"),
        Training("mlp", "sgd", 0.5, "constant", grid="every"),
        Training("mlp", "sgd", 0.1, "restarts", batch=8),
        Training("mlp", "momentum", 0.02, "cyclic", decay=5e-4),
        Training("mlp", "momentum", 0.02, "constant", average="swa"),
        Training("mlp", "adam", 3e-3, "linear", grid="log"),
        Training("cnn", "sgd", 0.05, "steps", grid="even", type="float16"),
        Training("cnn", "momentum", 0.02, "cosine", batch=16),
        Training("cnn", "adam", 1e-3, "wsd", average="ema", batch=16),
        Training("cnn", "sgd", 0.3, "wsd", average="ema", decay=0.02, batch=16),  # most channels die
    ]
    if many:
        rates = [("sgd", 0.1), ("sgd", 0.3), ("momentum", 0.03), ("adam", 1e-3), ("adam", 5e-3), ("adamw", 1e-3)]
        for model in ("mlp", "cnn"):
            for opt, lr in rates:
                for schedule in ("cosine", "restarts", "wsd", "linear"):
                    i = len(few)
                    few.append(Training(
                        model, opt, lr, schedule, ("pythia", "even", "pythia", "log")[i % 4],
                        ("none", "ema", "none", "none", "swa")[i % 5], (32, 8, 16)[i % 3], (0, 5e-4, 0.02)[i // 2 % 3],
                        ("float32", "float32", "bfloat16")[i // 3 % 3], 1430 * (1 + i % 3)))
    return [(t.name(), t) for t in (t._replace(seed=100 + i) for i, t in enumerate(few))]


def write_torch(out):
    """Writes one training as .pt and as .bin in two shards, and puts files of step 400 into step 150."""
    series = []
    for step, tensors in train(Training("mlp", steps=600, grid="even", seed=5)):
        series.append((step, {k: v.clone() for k, v in tensors.items()}))
    of = dict(series)
    for step, tensors in series:
        os.makedirs(f"{out}/pt", exist_ok=True)
        torch.save({"model": of[400] if step == 150 else tensors, "optimizer": {"lr": 0.1}}, f"{out}/pt/step{step}.pt")
        folder, index = f"{out}/bin/step{step}", {}
        os.makedirs(folder, exist_ok=True)
        names = list(tensors)
        for i, part in enumerate([names[:2], names[2:]], 1):
            file = f"pytorch_model-{i:05}-of-00002.bin"
            values = of[400] if step == 150 and i == 2 else tensors
            torch.save({k: values[k].clone() for k in part}, f"{folder}/{file}")
            index.update({k: file for k in part})
        with open(f"{folder}/pytorch_model.bin.index.json", "w") as f:
            json.dump({"metadata": {}, "weight_map": index}, f)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["pair", "sound", "torch"])
    parser.add_argument("out")
    parser.add_argument("--many", action="store_true")
    args = parser.parse_args()
    if args.what == "torch":
        write_torch(args.out)
        return
    trainings = char_pair() if args.what == "pair" else sound(args.many)
    with multiprocessing.Pool(os.cpu_count()) as pool:
        pool.starmap(write_series, [(f"{args.out}/{name}", t) for name, t in trainings], chunksize=1)


if __name__ == "__main__":
    main()

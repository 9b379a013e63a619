"""The same networks in PyTorch, timed for BENCHMARKS.md: one training step at batch 128
(zero_grad, forward, backward, SGD step), the mean loss over many examples, forward only, and
one product with the Hessian by double backward, whose graph is kept from product to product.

PyTorch is taken at its best: every case is tried in the contiguous and in the channels_last
layout, evaluations in several chunk sizes besides, and the fastest median counts.

    python3 pytorch.py [--threads 2] [--only step/lenet] [--seconds 3]

With --product it computes products in float64 instead, for TestPythonProduct: the folder has one
for each network, with theta, v, x and y as numbers in binary, which receives the product.
"""

import argparse
import json
import pathlib
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """A residual block with He et al.'s option A: strided, zero-padded identity."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.stride, self.extra = stride, cout - cin

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.extra:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))
        return F.relu(y + x)


def resnet(depth):
    blocks, cin = [], 16
    for cout in (16, 32, 64):
        for i in range((depth - 2) // 6):
            blocks.append(Block(cin, cout, 2 if i == 0 and cout > 16 else 1))
            cin = cout
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )


MODELS = {
    "mlp128": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), (1, 28, 28), 10_000),
    "lenet": (lenet, (1, 28, 28), 10_000),
    "resnet8": (lambda: resnet(8), (3, 32, 32), 1_000),
    "resnet20": (lambda: resnet(20), (3, 32, 32), 1_000),
}


def median(f, seconds):
    """Median time of f after a warm-up, over at least five runs and that many seconds."""
    for _ in range(3):
        f()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        t = time.perf_counter()
        f()
        times.append(time.perf_counter() - t)
    return statistics.median(times)


def layouts(name):
    return (torch.contiguous_format,) if name == "mlp128" else (torch.contiguous_format, torch.channels_last)


def time_step(name, make, shape, seconds):
    best = float("inf")
    for layout in layouts(name):
        model = make().to(memory_format=layout)
        x = torch.randn(128, *shape).contiguous(memory_format=layout)
        y = torch.randint(0, 10, (128,))
        opt = torch.optim.SGD(model.parameters(), lr=0.01)

        def step():
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()

        best = min(best, median(step, seconds))
    return best


@torch.inference_mode()
def time_loss(name, make, shape, examples, seconds):
    best = float("inf")
    for layout in layouts(name):
        model = make().to(memory_format=layout).eval()
        x = torch.randn(examples, *shape).contiguous(memory_format=layout)
        y = torch.randint(0, 10, (examples,))
        for chunk in (32, 64, 125, 250, 500, 1000, examples):

            def loss():
                return sum(F.cross_entropy(model(x[i:i + chunk]), y[i:i + chunk], reduction="sum").item() for i in range(0, examples, chunk))

            best = min(best, median(loss, seconds / 3))
    return best


def gradient(model, x, y):
    """The flat gradient of the mean loss, with its graph."""
    grads = torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters()), create_graph=True)
    return torch.cat([g.reshape(-1) for g in grads])


def product(model, flat, v):
    """The Hessian times v, from the gradient."""
    return torch.cat([h.reshape(-1) for h in torch.autograd.grad(flat, list(model.parameters()), v, retain_graph=True)])


def time_product(name, make, shape, seconds):
    """Residual networks normalize over batches of 100, each with its own graph."""
    examples, batch = PRODUCTS[name]
    best = float("inf")
    for layout in layouts(name):
        model = make().to(memory_format=layout)
        v = torch.randn(sum(p.numel() for p in model.parameters()))
        flats = []
        for _ in range(0, examples, batch):
            x = torch.randn(batch, *shape).contiguous(memory_format=layout)
            flats.append(gradient(model, x, torch.randint(0, 10, (batch,))))
        best = min(best, median(lambda: [product(model, flat, v) for flat in flats], seconds))
    return best


PRODUCTS = {"mlp128": (10_000, 10_000), "lenet": (2_000, 1_000), "resnet8": (400, 100), "resnet20": (400, 100)}


def write_product(folder):
    make, shape, _ = MODELS[folder.name]
    read = lambda part, dtype: torch.frombuffer(bytearray((folder / part).read_bytes()), dtype=dtype)
    model = make().double()
    torch.nn.utils.vector_to_parameters(read("theta", torch.float32).double(), model.parameters())
    channels, height, width = shape
    x = read("x", torch.float32).double().reshape(-1, height, width, channels).permute(0, 3, 1, 2).contiguous()
    flat = gradient(model, x, read("y", torch.int32).long())
    (folder / "product").write_bytes(product(model, flat, read("v", torch.float32).double()).numpy().tobytes())


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--only", default="")
    args.add_argument("--seconds", type=float, default=3)
    args.add_argument("--product", type=pathlib.Path, help="folder of products to compute")
    args = args.parse_args()
    if args.product:
        for folder in args.product.iterdir():
            write_product(folder)
        return
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    for name, (make, shape, examples) in MODELS.items():
        for case, f in (("step/" + name, lambda: time_step(name, make, shape, args.seconds)), (f"loss/{name}-{examples // 1000}k", lambda: time_loss(name, make, shape, examples, args.seconds)), ("product/" + name, lambda: time_product(name, make, shape, args.seconds))):
            if args.only in case:
                print(json.dumps({"name": case, "ms": 1e3 * f()}), flush=True)


if __name__ == "__main__":
    main()

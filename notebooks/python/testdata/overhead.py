"""What recording every step costs a PyTorch loop: rounds of steps unrecorded, recorded,
recorded, unrecorded; the ratio of each, and the median of the ratios.

    sgdwalk python > sgdwalk.py
    PYTHONPATH=. python3 notebooks/python/testdata/overhead.py [--threads 2] [--rounds 8] [--grad] [--only mlp128]
"""

import argparse
import importlib.util
import pathlib
import statistics
import tempfile
import time

import torch
import torch.nn.functional as F

from sgdwalk import Recorder

source = pathlib.Path(__file__).parents[3] / "train/nn/testdata/pytorch.py"
spec = importlib.util.spec_from_file_location("networks", source)
networks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(networks)

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=12)
parser.add_argument("--grad", action="store_true")
parser.add_argument("--only")
options = parser.parse_args()
torch.set_num_threads(options.threads)

for name, steps in (("lenet", 60), ("resnet8", 8), ("mlp128", 300)):
    if options.only not in (None, name):
        continue
    build, shape, _ = networks.MODELS[name]
    torch.manual_seed(1)
    model = build()
    x, y = torch.randn(128, *shape), torch.randint(0, 10, (128,))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)

    def run(recorder):
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            if recorder:
                recorder.step(loss, epoch=1, examples=128)
            optimizer.step()
            times.append(time.perf_counter() - start)
        return statistics.mean(times)  # not the median: what the writer takes comes in bursts

    # Neighbours in time are compared, in both orders, so that a host that gets slower
    # or faster does not count as a cost.
    ratios, plain = [], []
    with tempfile.TemporaryDirectory() as d:
        with Recorder(model, optimizer, out=d + "/run", grad=options.grad, args=["--quiet"]) as recorder:
            run(None)
            run(recorder)
            for _ in range(options.rounds):
                before, first, second, after = run(None), run(recorder), run(recorder), run(None)
                ratios.append((first + second) / (before + after))
                plain += [before, after]
    ratios.sort()
    middle = statistics.median(ratios)
    print(
        f"{name}: {1e3 * statistics.median(plain):.2f} ms unrecorded; recorded {middle:.3f} of it (half of {len(ratios)} rounds from {ratios[len(ratios) // 4]:.3f} to {ratios[-1 - len(ratios) // 4]:.3f})"
    )

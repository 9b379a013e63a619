"""What recording every step costs a PyTorch loop: rounds of steps unrecorded and recorded
in turn, the ratio of their medians.

    sgdwalk python > sgdwalk.py
    PYTHONPATH=. python3 notebooks/python/testdata/overhead.py [--threads 2] [--rounds 8] [--grad]
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
parser.add_argument("--rounds", type=int, default=8)
parser.add_argument("--grad", action="store_true")
options = parser.parse_args()
torch.set_num_threads(options.threads)

for name, steps in (("lenet", 60), ("resnet8", 8), ("mlp128", 300)):
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

    plain, recorded = [], []
    run(None)
    for _ in range(options.rounds):
        plain.append(run(None))
        with tempfile.TemporaryDirectory() as d:
            with Recorder(model, optimizer, out=d + "/run", grad=options.grad, args=["--quiet"]) as recorder:
                recorded.append(run(recorder))
    p, r = statistics.median(plain), statistics.median(recorded)
    print(f"{name}: {1e3 * p:.2f} ms unrecorded, {1e3 * r:.2f} ms recorded, ratio {r / p:.3f}")

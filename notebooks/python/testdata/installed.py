"""Use the package that a wheel installed: record a training, read it, and analyze it.

    python installed.py DIRECTORY

With PyTorch the model is a module, and without PyTorch a dict of arrays. The program is the one
of the wheel: PATH has no other.
"""

import os
import sys

os.environ["PATH"] = ""
os.environ.pop("SGDWALK", None)

import numpy as np  # noqa: E402

import sgdwalk  # noqa: E402

folder = sys.argv[1]
rng = np.random.default_rng(0)
x = rng.standard_normal((200, 5)).astype(np.float32)
y = (x @ rng.standard_normal(5) > 0).astype(np.int64)

try:
    import torch
except ImportError:
    torch = None

if torch is None:
    w = {"w": np.zeros(5, np.float32)}

    def loss(values):
        p = 1 / (1 + np.exp(-(x @ values["w"])))
        return float(np.mean(np.where(y == 1, -np.log(p + 1e-9), -np.log(1 - p + 1e-9))))

    with sgdwalk.Recorder(w, out=os.path.join(folder, "run"), grad=True) as recorder:
        for step in range(20):
            p = 1 / (1 + np.exp(-(x @ w["w"])))
            g = (x.T @ (p - y) / len(y)).astype(np.float32)
            recorder.step(loss(w), grads={"w": g})
            w["w"] -= 0.5 * g
else:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    with sgdwalk.Recorder(model, optimizer, out=os.path.join(folder, "run"), grad=True) as recorder:
        for step in range(20):
            optimizer.zero_grad()
            value = torch.nn.functional.cross_entropy(model(images), labels)
            value.backward()
            recorder.step(value)
            optimizer.step()
    model_loss = lambda m: torch.nn.functional.cross_entropy(m(images), labels)  # noqa: E731

run = sgdwalk.open(os.path.join(folder, "run"))
assert len(run) == 21 and run.theta[0].shape == run.theta[20].shape
if torch is None:
    results = [run.walk(loss, w), run.landscape(loss, w, grid="5x5", kinds="all")]
else:
    results = [
        run.walk(model_loss, model),
        run.landscape(model_loss, model, grid="5x5"),
        run.curvature(model_loss, model, top=2),
    ]
for result in results:
    assert result.findings and result.figures
    print(result.findings[0])
print("recorded with", "numpy alone" if torch is None else "PyTorch", torch.__version__ if torch else "")

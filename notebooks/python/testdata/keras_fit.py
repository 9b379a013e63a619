"""KerasCallback: the rows are the weights before every batch, with their units first, the statistics, the losses and
the rates, as the training had them. Keras is a stand-in, which names the sources that it follows. Without Keras a
torch module is recorded with its gradients. python3 keras_fit.py FOLDER"""

import json
import os
import pathlib
import subprocess
import sys
import warnings

import numpy as np

import sgdwalk
import standin_keras

work, program = pathlib.Path(sys.argv[1]), os.environ.get("SGDWALK", "sgdwalk")
warnings.simplefilter("error", sgdwalk.RecorderWarning)
random = np.random.default_rng(2)
batches = [(random.normal(size=(n, 5)).astype(np.float32), random.integers(0, 3, n)) for n in (8, 8, 8, 5)]
EPS = np.finfo(np.float32).eps


def rows(name):
    subprocess.run([program, "export", work / name, "--npz", work / f"{name}.npz"], check=True, capture_output=True)
    return np.load(work / f"{name}.npz")


def refused(text, call, *args, error=sgdwalk.InputError, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        assert text in str(e) and "\n" not in str(e), (text, str(e))
        return
    raise AssertionError(f"no {error.__name__} with {text!r}")


def theta_of(model):
    """The trainable variables with their units first, by their axes in Keras."""
    kernel, gamma, beta, dense, bias = (v.newest for v in model.trainable_variables)
    return np.concatenate([kernel.transpose(3, 2, 0, 1).ravel(), gamma, beta, dense.T.ravel(), bias])


def state_of(model):
    return np.concatenate([v.newest for v in model.non_trainable_variables[:2]])


standin_keras.install()
assert isinstance(sgdwalk.KerasCallback("x"), standin_keras.Callback)
for name, keeps_mean in {"mean": True, "own": False}.items():
    model = standin_keras.Model(keeps_mean=keeps_mean)
    model.fit(batches, epochs=2, callbacks=[sgdwalk.KerasCallback(work / name)])
    seen, plain = rows(name), standin_keras.Model()
    assert len(seen["theta"]) == 9 and list(seen["epoch"]) == [1] * 4 + [2] * 5
    for k in range(8):
        x, labels = batches[k % 4]
        assert seen["theta"][k].tobytes() == theta_of(plain).tobytes(), (name, k)
        assert seen["state"][k].tobytes() == state_of(plain).tobytes(), (name, k)
        assert seen["learning_rate"][k] == plain.optimizer.learning_rate
        loss = plain.train_step(x, labels)
        # The sum of 4 rounded products has an error of at most 4 roundings of it; so has the difference of two sums.
        largest = 8 * EPS * sum(len(x) for x, _ in batches) * 5 / len(x) if keeps_mean else 0
        assert abs(seen["batch_loss"][k] - loss) <= largest, (name, k, seen["batch_loss"][k] - loss)
    assert (
        seen["theta"][8].tobytes() == theta_of(plain).tobytes()
        and seen["state"][8].tobytes() == state_of(plain).tobytes()
    )
header = json.loads((work / "mean/header.json").read_text())
assert [(t["name"], t["kind"], t["shape"]) for t in header["layout"]] == [
    ("conv2d/kernel", "filter", [4, 2, 3, 3]),
    ("batch_normalization/gamma", "norm_scale", [5]),
    ("batch_normalization/beta", "norm_shift", [5]),
    ("dense/kernel", "weight", [3, 5]),
    ("dense/bias", "bias", [3]),
]
assert [t["kind"] for t in header["state_layout"]] == ["running_mean", "running_variance"]
assert header["model"] == "model" and "Keras optimizer sgd" in header["comment"]
subprocess.run([program, "verify", work / "mean"], check=True, capture_output=True)
subprocess.run([program, "pca", work / "mean"], check=True, capture_output=True)

# What Keras cannot give is refused.
fit = lambda callback, **settings: [setattr(model, n, v) for n, v in settings.items()] and model.fit(
    batches, callbacks=[callback]
)
model = standin_keras.Model()
refused("Keras passes no gradients", model.fit, batches, callbacks=[sgdwalk.KerasCallback(work / "x", grad=True)])
model.steps_per_execution = 4
refused("steps_per_execution is 4", model.fit, batches, callbacks=[sgdwalk.KerasCallback(work / "x")])
model = standin_keras.Model()
model.trainable_variables[3].path = "batch_normalization/gamma"
refused(
    "two variables of the model have the name 'batch_normalization/gamma'",
    model.fit,
    batches,
    callbacks=[sgdwalk.KerasCallback(work / "x")],
)
callback = sgdwalk.KerasCallback(work / "thread")
callback.set_model(standin_keras.Model())
callback.on_train_begin()
callback.on_train_batch_begin(0)
refused("pass callbacks=[callback], as a list", callback.on_train_batch_begin, 1)

# A library for PyTorch with the same callbacks: gradients too, and the loss is that of the batch.
try:
    import torch
except ImportError:
    torch = None
if torch:
    data = [(torch.from_numpy(x), torch.from_numpy(labels)) for x, labels in batches]

    def new():
        torch.manual_seed(1)
        model = torch.nn.Sequential(
            torch.nn.Linear(5, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 3)
        )
        return model, torch.optim.SGD(model.parameters(), lr=0.1)

    def train(model, optimizer, before=lambda i: None, after=lambda i, loss: None, taken=lambda loss, epoch: None):
        for epoch in (1, 2):
            for i, (x, y) in enumerate(data):
                before(i)
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x), y)
                loss.backward()
                taken(loss, epoch)
                optimizer.step()
                after(i, {"loss": loss.item()})
            callback.on_epoch_begin(epoch + 1)

    callback = sgdwalk.KerasCallback(work / "torch", grad=True)
    model, optimizer = new()
    model.optimizer = optimizer
    callback.set_params({})
    callback.set_model(model)
    callback.on_train_begin({})
    callback.on_epoch_begin(1)
    train(model, optimizer, callback.on_train_batch_begin, callback.on_train_batch_end)
    callback.on_train_end({})
    model, optimizer = new()
    with sgdwalk.Recorder(model, optimizer, out=work / "torch-plain", grad=True) as recorder:
        train(model, optimizer, taken=lambda loss, epoch: recorder.step(loss, epoch=epoch))
    a, b = rows("torch"), rows("torch-plain")
    for column in ("theta", "grad", "state", "batch_loss", "learning_rate", "epoch"):
        assert a[column].tobytes() == b[column].tobytes(), column
    assert len(a["theta"]) == 9

# JAX: the loop of FRAMEWORKS.md, with numpy in the place of jax.numpy.
page = (pathlib.Path(__file__).parent.parent / "FRAMEWORKS.md").read_text()
loop = page.split("## JAX and Flax")[1].split("```python\n")[1].split("```")[0]
params = {"Dense_0": {"kernel": random.normal(size=(5, 3)).astype(np.float32), "bias": np.zeros(3, np.float32)}}


def value_and_grad(params, x, y):
    logits = x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = float(-np.log(p[np.arange(len(x)), y]).mean())
    p[np.arange(len(x)), y] -= 1
    p /= len(x)
    return loss, {"Dense_0": {"kernel": x.T @ p, "bias": p.sum(axis=0)}}


def update(params, grads):
    return {"Dense_0": {n: v - np.float32(0.1) * grads["Dense_0"][n] for n, v in params["Dense_0"].items()}}


truth, rate = params, 0.1
os.chdir(work)
exec(loop.replace('"run"', '"jax"'), globals())
seen = rows("jax")
for k, (x, y) in enumerate(batches):
    loss, grads = value_and_grad(truth, x, y)
    assert (
        seen["theta"][k].tobytes()
        == np.concatenate([truth["Dense_0"]["kernel"].T.ravel(), truth["Dense_0"]["bias"]]).tobytes()
    )
    assert (
        seen["grad"][k].tobytes()
        == np.concatenate([grads["Dense_0"]["kernel"].T.ravel(), grads["Dense_0"]["bias"]]).tobytes()
    )
    assert seen["batch_loss"][k] == loss and seen["learning_rate"][k] == 0.1
    truth = update(truth, grads)
assert len(seen["theta"]) == 5 and seen["theta"][4][:15].tobytes() == truth["Dense_0"]["kernel"].T.tobytes()
arrays = sgdwalk.arrays_of(params)
run, together = sgdwalk.open("jax"), [np.concatenate(part) for part in zip(*batches)]
plane = run.landscape(
    lambda arrays: value_and_grad(sgdwalk.restore(arrays, like=params), *together)[0],
    arrays,
    grid="3x3",
    formats="svg",
    progress=False,
)
assert plane.summary.evaluated == 9
print("ok")

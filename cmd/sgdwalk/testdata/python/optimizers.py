"""Compute every update of recorded runs again in float64, with PyTorch's optimizers where PyTorch 1.13 has the rule,
and otherwise from the formulas of the paper.

    optimizers.py FOLDER

FOLDER has for every run NAME its header NAME.json and its rows NAME.npz. An update may differ by 1e-5 of its length,
and by what rounding theta to float32 does to it. Prints a line for each run.
"""

import json
import math
import pathlib
import sys

import numpy as np
import torch

EPSILON = 2.0**-24  # of float32, relative


class Run:
    """The rows of a recorded run: iterates, and their inner iterates by number."""

    def __init__(self, header, rows):
        self.optimizer = header["optimizer"]
        self.p = self.optimizer["hyperparameters"]
        self.layout, self.steps, self.schedule = header["layout"], header["steps"], self.optimizer.get("learning_rate_schedule", "")
        substep = rows["substep"] if "substep" in rows else np.zeros(len(rows["step"]), int)
        self.theta = rows["theta"][substep == 0].astype(np.float64)
        self.grad = rows["grad"][substep == 0].astype(np.float64)[:-1]
        self.rate = rows["learning_rate"][substep == 0][:-1]
        self.inner = {n: (rows["theta"][substep == n].astype(np.float64), rows["grad"][substep == n].astype(np.float64)) for n in range(1, substep.max() + 1)}

    def tensors(self, v):
        """Return the tensors of a flat vector, with their entries of the layout."""
        return [(t, v[t["offset"] : t["offset"] + math.prod(t["shape"])]) for t in self.layout]


def by_torch(run, make, gradients):
    """Yield the updates of one of PyTorch's optimizers, from every recorded theta."""
    p = torch.nn.Parameter(torch.tensor(run.theta[0]))
    optimizer = make([p], run.p)
    for theta, grad, rate in zip(run.theta, gradients, run.rate):
        p.data, p.grad = torch.tensor(theta), torch.tensor(grad)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        yield p.detach().numpy() - theta


def sgd(p, h):
    return torch.optim.SGD(p, lr=1, momentum=h.get("momentum", 0), weight_decay=h["weight_decay"])


def nesterov(p, h):
    return torch.optim.SGD(p, lr=1, momentum=h["momentum"], nesterov=True, weight_decay=h["weight_decay"])


def adam(p, h):
    return torch.optim.Adam(p, betas=(h["beta1"], h["beta2"]), eps=h["epsilon"], weight_decay=h["weight_decay"])


def adamw(p, h):
    return torch.optim.AdamW(p, betas=(h["beta1"], h["beta2"]), eps=h["epsilon"], weight_decay=h["weight_decay"])


def rmsprop(p, h):
    return torch.optim.RMSprop(p, alpha=h["alpha"], eps=h["epsilon"], momentum=h["momentum"], centered=bool(h["centered"]), weight_decay=h["weight_decay"])


def sam(run, make):
    """Check the point of every second gradient, and yield the updates of the other optimizer with these gradients."""
    points, gradients = run.inner[1]
    for theta, grad, point in zip(run.theta, run.grad, points):
        want = theta + run.p["rho"] * grad / np.linalg.norm(grad)
        assert np.linalg.norm(point - want) < 1e-5 * run.p["rho"] + EPSILON * np.linalg.norm(theta), "the point of the second gradient"
    yield from by_torch(run, make, gradients)


def lion(run):
    m = np.zeros_like(run.theta[0])
    for theta, grad, rate in zip(run.theta, run.grad, run.rate):
        c = run.p["beta1"] * m + (1 - run.p["beta1"]) * grad
        m = run.p["beta2"] * m + (1 - run.p["beta2"]) * grad
        yield -rate * (np.sign(c) + run.p["weight_decay"] * theta)


def newton_schulz(u, steps):
    x = u / (np.linalg.norm(u) + 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


def muon(run):
    p = run.p
    m = np.zeros_like(run.theta[0])
    rest = by_torch(Scaled(run, p["adamw_learning_rate"] / p["learning_rate"]), adamw, run.grad)
    matrices = [t["name"] for t in run.layout if t["kind"] in ("filter", "weight") and len(t["shape"]) > 1]
    own = set(matrices) - ({matrices[0]} if not p["first_layer"] else set()) - ({matrices[-1]} if not p["last_layer"] else set())
    for theta, grad, rate, other in zip(run.theta, run.grad, run.rate, rest):
        m = p["momentum"] * m + (1 - p["momentum"]) * grad
        u = (1 - p["momentum"]) * grad + p["momentum"] * m if p["nesterov"] else m
        update = other.copy()
        for (t, part), (_, w), (_, to) in zip(run.tensors(u), run.tensors(theta), run.tensors(update)):
            if t["name"] not in own:
                continue
            rows, columns = t["shape"][0], part.size // t["shape"][0]
            scale = 0.2 * max(rows, columns) ** 0.5 if p["match_rms"] else max(1, rows / columns) ** 0.5
            to[:] = -rate * (scale * newton_schulz(part.reshape(rows, columns), int(p["ns_steps"])).ravel() + p["weight_decay"] * w)
        yield update


class Scaled:
    """A run with other learning rates."""

    def __init__(self, run, factor):
        self.theta, self.p, self.rate = run.theta, run.p, run.rate * factor


def schedule_free(run, is_adam):
    """Yield the updates of y. x and z after the last update are the recorded ones, and are checked after this one."""
    p, (xs, _), (zs, _) = run.p, run.inner[1], run.inner[2]
    beta, x, z = p["beta1" if is_adam else "beta"], run.theta[0], run.theta[0]
    v, weights, largest = np.zeros_like(x), 0.0, 0.0
    for k, (y, grad, rate) in enumerate(zip(run.theta, run.grad, run.rate)):
        largest = max(largest, rate)
        weight = (k + 1) ** p["r"] * largest ** p["weight_lr_power"]
        weights += weight
        d = grad
        if is_adam:
            v = p["beta2"] * v + (1 - p["beta2"]) * grad**2
            d = grad / (np.sqrt(v / (1 - p["beta2"] ** (k + 1))) + p["epsilon"])
        z_next = z - rate * (d + p["weight_decay"] * y)
        x_next = x + weight / weights * (z_next - x)
        for name, want, got, before in (("x", x_next, xs[k], x), ("z", z_next, zs[k], z)):
            assert np.linalg.norm(got - want) < 1e-5 * np.linalg.norm(want - before) + 2 * EPSILON * np.linalg.norm(want), f"step {k}: {name}"
        yield (1 - beta) * z_next + beta * x_next - y
        x, z = xs[k], zs[k]


RULES = {
    "sgd": lambda r: by_torch(r, sgd, r.grad),
    "momentum": lambda r: by_torch(r, sgd, r.grad),
    "nesterov": lambda r: by_torch(r, nesterov, r.grad),
    "adam": lambda r: by_torch(r, adam, r.grad),
    "adamw": lambda r: by_torch(r, adamw, r.grad),
    "rmsprop": lambda r: by_torch(r, rmsprop, r.grad),
    "lion": lion,
    "muon": muon,
    "sam-sgd": lambda r: sam(r, sgd),
    "sam-adam": lambda r: sam(r, adam),
    "schedule-free-sgd": lambda r: schedule_free(r, False),
    "schedule-free-adamw": lambda r: schedule_free(r, True),
}


def scheduled(name, steps):
    """Return the factors of a schedule: those of PyTorch's scheduler, or the closed form."""
    k, s = np.arange(steps), torch.optim.lr_scheduler
    if name in ("onecycle", "cosine", "linear"):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = {
            "onecycle": lambda: s.OneCycleLR(optimizer, 1.0, total_steps=steps, cycle_momentum=False),
            "cosine": lambda: s.CosineAnnealingLR(optimizer, steps),
            "linear": lambda: s.LinearLR(optimizer, 1.0, 0.0, steps),
        }[name]()
        factors = []
        for _ in k:
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return np.array(factors)
    if name == "warmup:5+wsd:0.3":
        return np.minimum(np.minimum((k + 1) / 6, 1), (steps - k) / (0.3 * steps))
    assert name in ("", "constant"), name
    return np.ones(steps)


def main():
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
        run = Run(json.loads(path.read_text()), np.load(path.with_suffix(".npz")))
        factors = scheduled(run.schedule, run.steps)
        assert np.allclose(run.rate, run.p["learning_rate"] * factors, rtol=1e-9, atol=1e-12), f"{path.stem}: learning rates of {run.schedule}"
        worst, count = 0.0, 0
        for k, want in enumerate(RULES[run.optimizer["name"]](run)):
            got = run.theta[k + 1] - run.theta[k]
            rounding = 2 * EPSILON * np.linalg.norm(run.theta[k + 1])
            error = np.linalg.norm(got - want)
            assert error <= 1e-5 * np.linalg.norm(want) + rounding, f"{path.stem}: update {k} is off by {error / np.linalg.norm(want):.2g} of its length"
            worst, count = max(worst, error / np.linalg.norm(want)), count + 1
        assert count == run.steps, f"{path.stem}: {count} updates of {run.steps}"
        print(f"{path.stem}: {count} updates, at most {worst:.2g} of an update, with the rounding of theta")


main()

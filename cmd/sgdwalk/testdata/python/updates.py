"""Runs of PyTorch whose updates follow from the recorded gradients, and runs with one defect.

    updates.py FOLDER

Every run is a folder. cases.json has the list of them, with the defect that a check must find.
"""

import json
import pathlib
import sys
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from sgdwalk import Recorder

work, cases = pathlib.Path(sys.argv[1]), []
warnings.simplefilter("ignore")  # the recorder notices some of the defects itself
torch.manual_seed(1)
x, y = torch.randn(60, 12), torch.randint(0, 4, (60,))


def network(dtype=torch.float32):
    return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4)).to(dtype)


def image():
    return nn.Sequential(nn.Unflatten(1, (1, 3, 4)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))


def run(name, model, optimizer, steps=60, scheduler=None, loss_scale=1, before=None, after=None, overflow=-1, dtype=torch.float32, want=None, **options):
    """Record a training. before(k) comes between recorder.step() and the update, after(k) after the update.

    At the step overflow a gradient is infinite, and the update is skipped, as a GradScaler does.
    """
    with Recorder(model, optimizer, out=work / name, grad=True, **options) as recorder:
        for k in range(steps):
            part = torch.arange(k * 20, k * 20 + 20) % 60
            for o in optimizer if isinstance(optimizer, list) else [optimizer]:
                o.zero_grad()
            loss = F.cross_entropy(model(x[part].to(dtype)).float(), y[part])
            (loss_scale * loss).backward()
            if k == overflow:
                next(model.parameters()).grad[0] = float("inf")
            recorder.step(loss)
            if k == overflow:
                continue
            if before:
                before(k)
            for o in optimizer if isinstance(optimizer, list) else [optimizer]:
                o.step()
            if after:
                after(k)
            if scheduler:
                scheduler.step()
    cases.append({"run": name, "want": want})


rules = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.01, betas=(0.8, 0.99)),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
    "centered": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True),
}

# Sound runs.
for name, rule in rules.items():
    for kind, make in (("linear", network), ("conv", image)):
        model = make()
        optimizer = rule(model.parameters())
        run(f"{name}_{kind}", model, optimizer, 300, torch.optim.lr_scheduler.StepLR(optimizer, 80, 0.3))
for name in ("sgd", "momentum", "adam", "adamw"):
    model = network(torch.float64)
    run(f"{name}_double", model, rules[name](model.parameters()), dtype=torch.float64)
    model = network(torch.bfloat16)
    run(f"{name}_bfloat16", model, rules[name](model.parameters()), dtype=torch.bfloat16)
    model = network()
    run(f"{name}_stored16", model, rules[name](model.parameters()), args=["--sketch", "float16"])
    model = network()
    model[0].weight.requires_grad_(False)
    run(f"{name}_frozen", model, rules[name](model.parameters()))
    model = network()
    nn.init.zeros_(model[2].weight)  # the gradients of the first layer are 0 at the first step
    run(f"{name}_zeros", model, rules[name](model.parameters()))
model = network()
optimizer = torch.optim.AdamW([{"params": model[0].parameters(), "weight_decay": 0.0}, {"params": model[2].parameters(), "lr": 0.02}], lr=0.005)
run("groups", model, optimizer, scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, [lambda k: 0.9**k, lambda k: 1 / (1 + k)]))
model = network()
run("two", model, [torch.optim.SGD(model[0].parameters(), 0.1, momentum=0.9), torch.optim.Adam(model[2].parameters(), 0.01)])
model = network()
run("overflow", model, rules["adam"](model.parameters()), overflow=6)
model = network()
run("every", model, rules["sgd"](model.parameters()), every=5)
model = network()
run("unknown", model, torch.optim.Adagrad(model.parameters(), 0.01))
# Runs with a defect.
model = network()
run("scaled", model, rules["nesterov"](model.parameters()), loss_scale=1024, before=lambda k: [p.grad.div_(1024) for p in model.parameters()],
    want={"code": "update", "step": 0, "tensor": "", "ratio": 1 / 1024})
model = network()
run("scaled_decay", model, rules["momentum"](model.parameters()), loss_scale=1024, before=lambda k: [p.grad.div_(1024) for p in model.parameters()],
    want={"code": "update", "step": 0, "tensor": "0.weight", "ratio": 1 / 1024})
model = network()
run("clipped", model, rules["sgd"](model.parameters()), before=lambda k: k >= 7 and [p.grad.mul_(0.25) for p in model.parameters()],
    want={"code": "update", "step": 7, "tensor": "", "ratio": 0.25})
model = network()
run("changed", model, rules["adam"](model.parameters()), after=lambda k: k == 9 and model[2].bias.data.add_(0.01),
    want={"code": "update", "step": 9, "tensor": "2.bias"})
model = network()
run("lost", model, rules["sgd"]([*model[0].parameters(), model[2].weight]), want={"code": "update", "step": 0, "tensor": "2.bias"})
model = network()
run("thawed", model, rules["adamw"](model.parameters()), before=lambda k: k >= 4 and setattr(model[0].weight, "grad", None),
    want={"code": "update", "step": 4, "tensor": "0.weight"})
model = network()
run("maximized", model, torch.optim.SGD(model.parameters(), 0.01, maximize=True), want={"code": "update", "step": 0, "tensor": "", "ratio": -1})
model = network()
optimizer = rules["sgd"](model.parameters())
run("rate", model, optimizer, before=lambda k: k == 11 and optimizer.param_groups[0].update(lr=0.2), want={"code": "update", "step": 11, "tensor": "", "ratio": 2})
model = network()
optimizer = rules["momentum"](model.parameters())
run("reset", model, optimizer, before=lambda k: k == 13 and optimizer.state.clear(), want={"code": "optimizer_state", "step": 13})

(work / "cases.json").write_text(json.dumps(cases))

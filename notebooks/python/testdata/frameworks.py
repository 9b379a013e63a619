"""Callbacks for Lightning, Hugging Face and accelerate: the rows are those of the same training written as a plain
loop, bit for bit. The trainers are stand-ins, which name the sources that they follow. python3 frameworks.py FOLDER"""

import copy
import json
import os
import pathlib
import pickle
import subprocess
import sys
import types
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sgdwalk
import standin_lightning
import standin_transformers
from standin_accelerate import Accelerator
from standin_scaler import Scaler

work, program = pathlib.Path(sys.argv[1]), os.environ.get("SGDWALK", "sgdwalk")
warnings.simplefilter("error", sgdwalk.RecorderWarning)
torch.manual_seed(3)
batches = [(torch.randn(8, 6), torch.randint(0, 3, (8,))) for _ in range(5)]
COLUMNS = ["step", "epoch", "theta", "grad", "state", "batch_loss", "learning_rate"]


def network(seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def rows(name):
    if not (work / f"{name}.npz").exists():
        subprocess.run([program, "export", work / name, "--npz", work / f"{name}.npz"], check=True, capture_output=True)
    return np.load(work / f"{name}.npz")


def header(name):
    return json.loads((work / name / "header.json").read_text())


def ended(name):
    return json.loads((work / name / "ingest.json").read_text())


def equal(name, plain, count, columns=COLUMNS):
    """Compare two runs: the same rows in the same bits."""
    assert ended(name)["status"] == ended(plain)["status"] == "finished", (ended(name), ended(plain))
    a, b = rows(name), rows(plain)
    assert len(a["theta"]) == count + 1, (name, len(a["theta"]))
    for column in columns:
        differ = [k for k in range(count + 1) if a[column][k].tobytes() != b[column][k].tobytes()]
        assert not differ, (name, column, differ)
    return a


def refused(text, call, *args, error=sgdwalk.InputError, **kwargs):
    try:
        call(*args, **kwargs)
    except error as e:
        assert text in str(e) and "\n" not in str(e), (text, str(e))
        return
    raise AssertionError(f"no {error.__name__} with {text!r}")


def plain(name, model, optimizer, epochs=2, accumulate=1, clip=None, scaler=None, scheduler=None, skip=(), **options):
    """The training of the stand-ins, as a plain loop with a Recorder."""
    with sgdwalk.Recorder(model, optimizer, out=work / name, grad=True, scaler=scaler, **options) as recorder:
        for epoch in range(epochs):
            losses = []
            for i, (x, y) in enumerate(batches):
                if not losses:
                    optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y) / accumulate
                if (epoch, i) in skip:  # the gradients are 0, or None since PyTorch 2.0
                    if any(p.grad is not None for p in model.parameters()):
                        recorder.step(np.nan, epoch=epoch + 1)
                        optimizer.step()
                    continue
                losses.append(loss.item())
                (loss if scaler is None else scaler.scale(loss)).backward()
                if (i + 1) % accumulate and i + 1 < len(batches):
                    continue
                if scaler is not None:
                    scaler.unscale_(optimizer)
                recorder.step(sum(losses), epoch=epoch + 1)
                losses = []
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                if scaler is None:
                    optimizer.step()
                else:
                    scaler.step(optimizer)
                    scaler.update()
                if scheduler is not None:
                    scheduler.step()


sgd = lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

# Lightning. Without it the callback is a plain class; its base comes from the package that is loaded.
assert not isinstance(sgdwalk.LightningCallback("x"), getattr(standin_lightning, "Callback", ()))
old = standin_lightning.install("pytorch_lightning")
assert isinstance(sgdwalk.LightningCallback("x"), old.Callback)
del sys.modules["pytorch_lightning"]
lightning = standin_lightning.install("lightning.pytorch")
callback = sgdwalk.LightningCallback("x", every=3)
assert isinstance(callback, lightning.Callback) and not isinstance(callback, old.Callback)
assert callback.__class__ is sgdwalk.LightningCallback("y").__class__ and type(callback).__name__ == "LightningCallback"
sys.modules["pytorch_lightning"] = old
both = sgdwalk.LightningCallback("x", every=3)
assert isinstance(both, lightning.Callback) and isinstance(both, old.Callback)
for copied in (copy.deepcopy(both), pickle.loads(pickle.dumps(both))):
    assert isinstance(copied, lightning.Callback) and copied._out == "x" and copied._options == {"every": 3}
refused(
    "LightningCallback: got an unexpected keyword argument 'evry'; its options", sgdwalk.LightningCallback, "x", evry=3
)


class Classifier(lightning.LightningModule):
    def __init__(self, optimizer=sgd, skip=()):
        super().__init__()
        self.network, self.make, self.skip = network(), optimizer, skip

    def forward(self, x):
        return self.network(x)

    def configure_optimizers(self):
        return self.make(self)

    def training_step(self, batch, i):
        loss = F.cross_entropy(self(batch[0]), batch[1])
        return None if (self.trainer.current_epoch, i) in self.skip else loss

    def validation_step(self, batch, i):
        assert torch.isfinite(self(batch[0])).all()


class Plain(nn.Module):
    """The same module without Lightning, with the same names."""

    def __init__(self):
        super().__init__()
        self.network = network()

    def forward(self, x):
        return self.network(x)


def fit(name, module, resumed=None, grad=True, package=lightning, **settings):
    settings = {"max_epochs": 2, **settings}
    trainer = package.Trainer(callbacks=[sgdwalk.LightningCallback(work / name, grad=grad)], **settings)
    trainer.fit(module, batches, resumed)
    assert not module._forward_pre_hooks and all("step" not in vars(o) for o in trainer.optimizers)
    return trainer


def both_ways(name, count, skip=(), **settings):
    """Train with Lightning and as a plain loop, and compare."""
    scale = settings.pop("scale", None)
    fit(name, Classifier(skip=skip), scaler=scale and Scaler(*scale), **settings)
    model = Plain()
    plain(
        f"{name}-plain",
        model,
        sgd(model),
        accumulate=settings.get("accumulate_grad_batches", 1),
        clip=settings.get("gradient_clip_val"),
        scaler=scale and Scaler(*scale),
        skip=skip,
    )
    return equal(name, f"{name}-plain", count)


seen = both_ways("automatic", 10)
assert list(seen["epoch"]) == [1] * 5 + [2] * 6 and header("automatic")["epochs"] == 2
assert header("automatic")["optimizer"]["name"] == "momentum" and header("automatic")["model"] == "Classifier"
assert {"filter", "weight", "norm_scale"} & {t["kind"] for t in header("automatic")["layout"]} == {
    "weight",
    "norm_scale",
}
both_ways("accumulated", 6, accumulate_grad_batches=2)
both_ways("thirds", 4, accumulate_grad_batches=3)
clipped = both_ways("clipped", 10, gradient_clip_val=0.05)
assert np.linalg.norm(clipped["grad"][0]) > 0.5  # as it was before clipping
both_ways("mixed", 10, scale=(1024.0,))
both_ways("mixed-accumulated", 6, scale=(1024.0,), accumulate_grad_batches=2, gradient_clip_val=0.05)
overflow = both_ways("overflow", 10, scale=(1024.0, 2))  # the first updates are skipped, because gradients are infinite
assert not np.isfinite(overflow["grad"][0]).all() and np.array_equal(overflow["theta"][0], overflow["theta"][1])
assert np.isfinite(overflow["batch_loss"][:10]).all()
has_zeros = (
    hasattr(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1), "register_step_pre_hook") is False
)  # before 2.0
skipping = both_ways("none", 10 if has_zeros else 8, skip={(0, 4), (1, 1)})  # training_step returns None
assert np.isnan(skipping["batch_loss"][:-1]).sum() == (2 if has_zeros else 0)


# A module that makes an update only after every second batch, and drops the gradients of the others.
class Dropping(Classifier):
    def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure):
        return optimizer.step(optimizer_closure) if batch_idx % 2 else optimizer_closure()


fit("dropping", Dropping())
model = Plain()
optimizer = sgd(model)
with sgdwalk.Recorder(model, optimizer, out=work / "dropping-plain", grad=True) as recorder:
    for epoch in range(2):
        for i, (x, y) in enumerate(batches):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            if i % 2:
                recorder.step(loss, epoch=epoch + 1)
                optimizer.step()
equal("dropping", "dropping-plain", 4)

# A closure that is evaluated several times: the first evaluation.
lbfgs = lambda model: torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
fit("lbfgs", Classifier(lbfgs))
model = Plain()
optimizer = lbfgs(model)
with sgdwalk.Recorder(model, optimizer, out=work / "lbfgs-plain", grad=True) as recorder:
    for epoch in range(2):
        for x, y in batches:
            first = True

            def closure():
                global first
                loss = F.cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                if first:
                    recorder.step(loss, epoch=epoch + 1)
                first = False
                return loss

            optimizer.step(closure)
equal("lbfgs", "lbfgs-plain", 10)


# Manual optimization: one optimizer with accumulated gradients, and two optimizers of one loss.
class Manual(Classifier):
    automatic_optimization = False

    def training_step(self, batch, i):
        loss = F.cross_entropy(self(batch[0]), batch[1]) / 2
        self.manual_backward(loss)
        if i % 2 == 1:
            self.optimizers().step()
            self.optimizers().zero_grad()


class Two(Classifier):
    automatic_optimization = False

    def configure_optimizers(self):
        return torch.optim.SGD(self.network[0].parameters(), lr=0.1), torch.optim.Adam(self.network[1:].parameters())

    def training_step(self, batch, i):
        first, second = self.optimizers()
        for optimizer in (first, second):
            optimizer.zero_grad()
        self.manual_backward(F.cross_entropy(self(batch[0]), batch[1]))
        first.step()
        second.step()


for scale in (None, (1024.0,)):
    fit(f"manual{bool(scale)}", Manual(), scaler=scale and Scaler(*scale))
    model = Plain()
    optimizer, scaler, losses = sgd(model), scale and Scaler(*scale), []
    with sgdwalk.Recorder(
        model, optimizer, out=work / f"manual{bool(scale)}-plain", grad=True, scaler=scaler
    ) as recorder:
        for epoch in range(2):
            for i, (x, y) in enumerate(batches):
                loss = F.cross_entropy(model(x), y) / 2
                (scaler.scale(loss) if scale else loss).backward()
                losses.append(loss.item())
                if i % 2 == 0:
                    continue
                if scale:
                    scaler.unscale_(optimizer)
                recorder.step(sum(losses), epoch=epoch + 1)
                losses = []
                if scale:
                    scaler.step(optimizer)
                    scaler.update()
                else:
                    optimizer.step()
                optimizer.zero_grad()
    equal(f"manual{bool(scale)}", f"manual{bool(scale)}-plain", 4)

fit("two", Two())
model = Plain()
pair = torch.optim.SGD(model.network[0].parameters(), lr=0.1), torch.optim.Adam(model.network[1:].parameters())
with sgdwalk.Recorder(model, list(pair), out=work / "two-plain", grad=True) as recorder:
    for epoch in range(2):
        for x, y in batches:
            [o.zero_grad() for o in pair]
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            recorder.step(loss, epoch=epoch + 1)
            [o.step() for o in pair]
equal("two", "two-plain", 10)
assert header("two")["optimizer"]["name"] == "sgd+adam" and len(header("two")["parameter_groups"]) == 2


class Lost(Manual):
    def training_step(self, batch, i):
        F.cross_entropy(self(batch[0]), batch[1]).backward()
        self.optimizers().step()


refused("an update has no loss; call self.manual_backward(loss)", fit, "lost", Lost())
assert ended("lost")["status"] == "unfinished"

# Ranks, and a strategy that makes the updates itself.
trainer = fit("rank1", Classifier(), rank=1, world_size=2)
assert not (work / "rank1").exists() and len(trainer.strategy.reduced) == 10
lightning.Trainer.other_loss = 0.25
trainer = fit("rank0", Classifier(), rank=0, world_size=2)
lightning.Trainer.other_loss = 0.0
a, b = rows("rank0"), rows("automatic")
assert np.array_equal(a["theta"], b["theta"]) and np.array_equal(a["grad"], b["grad"], equal_nan=True)
assert np.allclose(a["batch_loss"][:10], b["batch_loss"][:10] + 0.25, rtol=1e-7)
sharded = lightning.Trainer(callbacks=[sgdwalk.LightningCallback(work / "sharded")])
sharded.strategy.handles_gradient_accumulation = True
refused("the strategy _Strategy makes the updates itself", sharded.fit, Classifier(), batches)


# An exception marks the run; Ctrl-C too. The next training needs a new directory.
class Failing(Classifier):
    def training_step(self, batch, i):
        if self.trainer.global_step == 7:
            raise self.error
        return super().training_step(batch, i)


for error in (KeyError("mine"), KeyboardInterrupt()):
    module, name = Failing(), type(error).__name__
    module.error = error
    try:
        fit(name, module)
    except (KeyError, KeyboardInterrupt) as e:
        assert e is error
    assert ended(name)["status"] == "unfinished" and ended(name)["frames"] == 7, ended(name)
    assert not module._forward_pre_hooks
refused("exists already", fit, "KeyError", Classifier(), error=sgdwalk.RunExistsError)

# A resumed training: a new run in a new directory, with the rest of the rows.
module = Classifier()
fit("whole", module, max_epochs=3)
module = Classifier()
trainer = fit("half", module, max_epochs=2)
checkpoint = {
    "state_dict": copy.deepcopy(module.state_dict()),
    "optimizer_states": [copy.deepcopy(o.state_dict()) for o in trainer.optimizers],
    "global_step": 10,
    "epoch": 2,
}
fit("half", Classifier(), checkpoint, max_epochs=3)
whole, half, rest = rows("whole"), rows("half"), rows("half-from-10")
assert len(half["theta"]) == 11 and len(rest["theta"]) == 6 and set(rest["epoch"]) == {3}
for column in ("theta", "state", "grad", "batch_loss"):
    assert whole[column][10:].tobytes() == rest[column].tobytes(), column
    assert whole[column][:10].tobytes() == half[column][:10].tobytes(), column
assert "continues a training after its update 10" in header("half-from-10")["comment"]

# Hugging Face: the Trainer, with accelerate, accumulation, clipping, mixed precision and a scheduler.
standin_transformers.install()


class Model(nn.Module):
    """A model that computes its loss, as those of transformers."""

    def __init__(self):
        super().__init__()
        self.network = network()

    def forward(self, x, labels=None):
        logits = self.network(x)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits} if labels is not None else {"logits": logits}


class Scored(Model):
    """The same for the plain loop."""

    def forward(self, x):
        return self.network(x)


decay = lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)


def trainer_of(name, resumed=None, accelerator=None, loss_of=None, grad=True, train=True, best=False, **settings):
    args = {"gradient_accumulation_steps": 1, "max_grad_norm": 1.0, "num_train_epochs": 2, **settings}
    args = types.SimpleNamespace(**args, load_best_model_at_end=best)
    torch.manual_seed(1)
    model = Model()
    optimizer = sgd(model)
    inputs = [{"x": x, "labels": y} for x, y in batches]
    trainer = standin_transformers.Trainer(model, args, inputs, (optimizer, decay(optimizer)), accelerator, loss_of)
    callback = sgdwalk.TransformersCallback(trainer, work / name, grad=grad)
    assert isinstance(callback, standin_transformers.TrainerCallback)
    trainer.add_callback(callback)
    if train:
        trainer.train(resumed)
        assert "training_step" not in vars(trainer) and not model._forward_pre_hooks
    return trainer


def hugging(name, count, scale=None, **settings):
    trainer = trainer_of(name, accelerator=Accelerator(scaler=scale and Scaler(*scale)), **settings)
    model = Scored()
    optimizer = sgd(model)
    accumulate = settings.get("gradient_accumulation_steps", 1)
    # The recorder sees the gradient before it is unscaled, so the plain loop unscales it after step().
    scaler = scale and Scaler(*scale)
    with sgdwalk.Recorder(model, optimizer, out=work / f"{name}-plain", grad=True, scaler=scaler) as recorder:
        scheduler = decay(optimizer)
        for epoch in range(2):
            losses = []
            for i, (x, y) in enumerate(batches):
                loss = F.cross_entropy(model(x), y) / accumulate
                losses.append(loss.item())
                (scaler.scale(loss) if scale else loss).backward()
                if (i + 1) % accumulate and i + 1 < len(batches):
                    continue
                recorder.step(sum(losses), epoch=epoch + 1)
                losses = []
                if scale:
                    scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), settings.get("max_grad_norm", 1.0))
                if scale:
                    scaler.step(optimizer)
                    scaler.update()
                else:
                    optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
    seen = equal(name, f"{name}-plain", count)
    total = float(trainer.tr_loss)
    assert abs(seen["batch_loss"][:count].sum() - total) < 1e-5 * total  # what the Trainer logs
    return seen


seen = hugging("hf", 10)
assert header("hf")["steps"] == 10 and header("hf")["epochs"] == 2 and len(set(seen["learning_rate"][:10])) == 10
assert np.linalg.norm(hugging("hf-clipped", 10, max_grad_norm=0.05)["grad"][0]) > 0.5  # before clipping
hugging("hf-accumulated", 6, gradient_accumulation_steps=2)
hugging("hf-mixed", 6, scale=(1024.0,), gradient_accumulation_steps=2, max_grad_norm=0.05)
overflow = hugging("hf-overflow", 10, scale=(1024.0, 2))
assert not np.isfinite(overflow["grad"][0]).all() and np.array_equal(overflow["theta"][0], overflow["theta"][1])

# A loss that is not the model's own.
smooth = lambda model, inputs: F.cross_entropy(model(inputs["x"])["logits"], inputs["labels"], label_smoothing=0.1)
trainer = trainer_of("hf-smooth", loss_of=smooth)
assert abs(rows("hf-smooth")["batch_loss"][:10].sum() - float(trainer.tr_loss)) < 1e-5
assert not np.allclose(rows("hf-smooth")["batch_loss"][:10], seen["batch_loss"][:10])

# The best checkpoint replaces the weights at the end; the last row has the end of training.
trainer = trainer_of("hf-best", best=True)
assert rows("hf-best")["theta"].tobytes() == seen["theta"].tobytes()
assert rows("hf-best")["state"].tobytes() == seen["state"].tobytes()
now = torch.cat([p.detach().flatten() for p in trainer.model.parameters()]).numpy()
assert np.array_equal(now, seen["theta"][5])  # the model has the best one

# Ranks, FSDP, an update that the callback did not see, an exception, resuming.
trainer_of("hf-rank1", accelerator=Accelerator(process_index=1, num_processes=2))
assert not (work / "hf-rank1").exists()
trainer_of("hf-rank0", accelerator=Accelerator(process_index=0, num_processes=2))
a = rows("hf-rank0")
assert a["theta"].tobytes() == seen["theta"].tobytes()
assert np.allclose(a["batch_loss"][:10], seen["batch_loss"][:10] + 0.25, rtol=1e-7)
divided = Accelerator()
divided.distributed_type = "DistributedType.FSDP"
refused("with FSDP no process has the whole gradient", trainer_of, "hf-fsdp", accelerator=divided)
refused("trainer is a int; it must be a Trainer", sgdwalk.TransformersCallback, 3, "x")
trainer = trainer_of("hf-unseen", train=False)
Unannounced = type(
    "Unannounced", (Accelerator,), {"sync_gradients": property(lambda self: False, lambda self, v: None)}
)
trainer.accelerator = Unannounced()
refused("update 1 was not recorded", trainer.train, error=sgdwalk.RecorderError)


def failing(model, inputs):
    failing.calls += 1
    if failing.calls > failing.good:
        raise MemoryError("too large")
    return model(**inputs)["loss"]


failing.calls, failing.good = 0, 7
trainer = trainer_of("hf-failing", train=False, loss_of=failing)
refused("too large", trainer.train, error=MemoryError)
assert ended("hf-failing")["status"] == "unfinished" and ended("hf-failing")["frames"] == 7
failing.calls, failing.good = 0, 0  # at once: the next attempt, with smaller batches, uses the directory
trainer = trainer_of("hf-again", train=False, loss_of=failing)
refused("too large", trainer.train, error=MemoryError)
trainer.loss_of, trainer.optimizer = None, trainer.optimizer.optimizer
trainer.train()
assert len(rows("hf-again")["theta"]) == 11
trainer = trainer_of("hf-half", num_train_epochs=1)
checkpoint = {
    "model": copy.deepcopy(trainer.model.state_dict()),
    "optimizer": copy.deepcopy(trainer.optimizer.optimizer.state_dict()),
    "global_step": 5,
    "epoch": 1.0,
}
trainer_of("hf-half", resumed=checkpoint)
rest = rows("hf-half-from-5")
assert len(rest["theta"]) == 6 and set(rest["epoch"]) == {2} and header("hf-half-from-5")["steps"] == 5
assert seen["theta"][5:].tobytes() == rest["theta"].tobytes() and seen["grad"][5:].tobytes() == rest["grad"].tobytes()

# accelerate: the recipe of FRAMEWORKS.md.
page = (pathlib.Path(__file__).parent.parent / "FRAMEWORKS.md").read_text()
recipe = page.split("## accelerate")[1].split("```python\n")[1].split("```")[0]
first, second, *others = recipe.splitlines(keepends=True)
prepared = "".join([second, first, *others])  # Recorder receives the wrapped model and optimizer
for name, settings in {
    "acc": {},
    "acc-accumulated": {"gradient_accumulation_steps": 2},
    "acc-mixed": {"scaler": True},
    "acc-prepared": {"gradient_accumulation_steps": 2, "scaler": True},
}.items():
    scaler = Scaler() if settings.pop("scaler", None) else None
    accelerator = Accelerator(**settings, scaler=scaler)
    model = Scored()
    optimizer, criterion, epochs, loader = sgd(model), F.cross_entropy, 2, batches[:4]
    os.chdir(work)
    exec((prepared if name == "acc-prepared" else recipe).replace('"run"', f'"{name}"'), dict(globals()))
    model = Scored()
    kept, batches = batches, batches[:4]
    optimizer = sgd(model)
    accumulate, scaler = settings.get("gradient_accumulation_steps", 1), scaler and Scaler()
    with sgdwalk.Recorder(model, optimizer, out=work / f"{name}-plain", grad=True, scaler=scaler) as recorder:
        for epoch in range(2):
            for i, (x, y) in enumerate(batches):
                losses = [] if i % accumulate == 0 else losses
                loss = F.cross_entropy(model(x), y)
                losses.append(loss.item())
                (scaler.scale(loss / accumulate) if scaler else loss / accumulate).backward()
                if (i + 1) % accumulate == 0:
                    recorder.step(sum(losses) / len(losses), epoch=epoch + 1)
                    if scaler:
                        scaler.unscale_(optimizer)
                    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    if scaler:
                        scaler.step(optimizer)
                        scaler.update()
                    else:
                        optimizer.step()
                    optimizer.zero_grad()
    equal(name, f"{name}-plain", 8 // accumulate)
    batches = kept
raw = sgd(model)
for wrapped in (Accelerator().prepare(raw)[0], standin_lightning._Optimizer(raw, None)):
    assert sgdwalk.Recorder(model, wrapped, rank=0, out=work / "unwrapped", args=["--force"])._optimizers == [raw]
print("ok")

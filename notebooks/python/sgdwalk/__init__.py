"""Record every step of a training run from Python, read it, and analyze it with the loss of its model.

    from sgdwalk import Recorder

    with Recorder(model, optimizer, out="run") as recorder:
        for epoch in range(epochs):
            for x, y in loader:
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                recorder.step(loss, epoch=epoch)       # before the update
                optimizer.step()

Then read the run as numpy arrays, without copies and also while it is recorded, and analyze it,
in the same process or in another one. A notebook shows the figures:

    run = sgdwalk.open("run")
    run.theta[-1], run.tensor("conv1.weight")[0], run.losses["batch_loss"]
    run.pca()
    run.landscape(lambda model: criterion(model(x), y), model)

The same analyses run in a shell: sgdwalk pca run. The program starts a second script when it
needs the loss: sgdwalk landscape --objective "python3 objective.py" run. That script is:

    from sgdwalk import serve

    serve(lambda model: criterion(model(x), y), model)

This file needs numpy only. It uses PyTorch when the model is a torch.nn.Module. Any other
model is a dict of float32 arrays, and step() receives the gradients:

    with Recorder({"w": w, "b": b}, out="run", grad=True) as recorder:
        recorder.step(loss, grads={"w": gw, "b": gb})

For Lightning, Hugging Face and Keras there are callbacks (LightningCallback, TransformersCallback,
KerasCallback), for parameters of JAX arrays_of(params), and convert() makes checkpoints of trees of
arrays and of weight files.

The steps go through a pipe to the program `sgdwalk ingest`, which writes them safely. The
program must be in PATH, or program= or the environment variable SGDWALK must name it.
Recorder() returns when the program has accepted the run. Every step is sent before step()
returns; when the disk is slower than the training, the pipe makes the training wait.
"""

from __future__ import annotations

from .analyses import Analyses, audit, compare
from .convert import Converted, arrays_of, convert, restore
from .errors import (
    AnalysisError,
    DamagedRunError,
    InputError,
    ProgramNotFoundError,
    RecorderError,
    RecorderWarning,
    RowIndexError,
    RunError,
    RunExistsError,
    SgdwalkError,
)
from .figures import Figure
from .keras_callback import KerasCallback
from .kinds import kinds_of
from .layout import layout_of
from .lightning_callback import LightningCallback
from .objective import serve
from .recorder import Recorder
from .results import Result
from .run import Run, open_run
from .transformers_callback import TransformersCallback

open = open_run

__all__ = [
    "Analyses",
    "AnalysisError",
    "Converted",
    "DamagedRunError",
    "Figure",
    "InputError",
    "KerasCallback",
    "LightningCallback",
    "ProgramNotFoundError",
    "Recorder",
    "RecorderError",
    "RecorderWarning",
    "Result",
    "RowIndexError",
    "Run",
    "RunError",
    "RunExistsError",
    "SgdwalkError",
    "TransformersCallback",
    "arrays_of",
    "audit",
    "compare",
    "convert",
    "kinds_of",
    "layout_of",
    "open",
    "restore",
    "serve",
]

"""Record a model that is plain numpy: logistic regression on two clouds of points.

    sgdwalk python > sgdwalk.py
    python3 numpy_model.py RUN
    sgdwalk path RUN; sgdwalk pca RUN
"""

import sys

import numpy as np

from sgdwalk import Recorder

rng = np.random.default_rng(1)
x = np.concatenate([rng.normal(-1, 1, (200, 2)), rng.normal(1, 1, (200, 2))]).astype(np.float32)
y = np.repeat([0.0, 1.0], 200).astype(np.float32)
model = {"w": np.zeros((1, 2), np.float32), "b": np.zeros(1, np.float32)}
epochs, batch, rate = 3, 20, np.float32(0.2)

with Recorder(
    model,
    out=sys.argv[1],
    grad=True,
    epochs=epochs,
    batch=batch,
    steps=epochs * len(x) // batch,
    data={"train_examples": len(x)},
) as recorder:
    for epoch in range(epochs):
        for picked in rng.permutation(len(x)).reshape(-1, batch):
            p = 1 / (1 + np.exp(-(x[picked] @ model["w"][0] + model["b"])))
            loss = -np.mean(y[picked] * np.log(p) + (1 - y[picked]) * np.log(1 - p))
            error = (p - y[picked]) / batch
            grads = {"w": error[None] @ x[picked], "b": error.sum(keepdims=True)}
            recorder.step(loss, epoch=epoch + 1, learning_rate=rate, examples=batch, grads=grads)
            for name in model:
                model[name] -= rate * grads[name]

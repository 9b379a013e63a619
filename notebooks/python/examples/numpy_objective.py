"""Evaluate the loss of numpy_model.py, and its gradient, for sgdwalk.

    python3 numpy_model.py RUN
    sgdwalk walk --objective "python3 numpy_objective.py" RUN
    sgdwalk curvature --objective "python3 numpy_objective.py" RUN
"""

import numpy as np

from sgdwalk import serve

rng = np.random.default_rng(1)  # the data of numpy_model.py, all of them and in their order
x = np.concatenate([rng.normal(-1, 1, (200, 2)), rng.normal(1, 1, (200, 2))]).astype(np.float32)
y = np.repeat([0.0, 1.0], 200).astype(np.float32)


def loss(model):
    z = x.astype(np.float64) @ model["w"][0] + model["b"]
    error = (1 / (1 + np.exp(-z)) - y) / len(x)
    return {
        "loss": np.mean(np.logaddexp(0, z) - y * z),
        "accuracy": np.mean((z > 0) == (y > 0.5)),
        "grads": {"w": error[None] @ x, "b": error.sum(keepdims=True)},
    }


serve(loss, {"w": np.zeros((1, 2), np.float32), "b": np.zeros(1, np.float32)})

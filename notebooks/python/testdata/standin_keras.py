"""A stand-in for Keras: the order in which fit() calls callbacks and updates variables and metrics, on numpy.

It follows these files of Keras 3.8 (keras-team/keras, folder keras/src):
    backend/jax/trainer.py 02b3d3d: fit(); the values are in the model only after jax_state_sync(), and the memory of
        the last step is used again (donate_argnums)
    callbacks/callback.py 045cebd, callbacks/callback_list.py 166ffd2: the hooks; callbacks=[...] runs them in
        order, and a single callback without a list may run in a thread
    trainers: the metric named loss is a mean over the epoch, weighted by the batch sizes, in float32
It was written from them; it has none of their code. install() makes it importable as keras.callbacks.
"""

import sys
import types

import numpy as np

HOOKS = """on_batch_begin on_batch_end on_epoch_begin on_epoch_end on_train_batch_begin on_train_batch_end
on_test_batch_begin on_test_batch_end on_train_begin on_train_end on_test_begin on_test_end""".split()


class Callback:
    params = model = None


for hook in HOOKS:
    setattr(Callback, hook, lambda self, *args, **kwargs: None)


def install():
    """Register the module keras.callbacks."""
    sys.modules["keras.callbacks"] = types.ModuleType("keras.callbacks")
    sys.modules["keras.callbacks"].Callback = Callback


class Variable:
    def __init__(self, path, value):
        self.path, self.name, self.value, self.newest = path, path.split("/")[-1], value, value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.value)


class Mean:
    """The metric named loss."""

    name = "loss"

    def __init__(self):
        self.total, self.count = Variable("total", np.float32(0)), Variable("count", np.float32(0))

    def update(self, value, weight):
        self.total.newest = np.float32(self.total.newest + np.float32(value) * np.float32(weight))
        self.count.newest = np.float32(self.count.newest + np.float32(weight))

    def reset(self):
        for v in (self.total, self.count):
            v.value = v.newest = np.float32(0)

    def result(self):
        return self.total.newest / self.count.newest


class Optimizer:
    name = "sgd"
    iterations = 0
    learning_rate = property(lambda self: np.float32(0.1 * 0.9**self.iterations))  # a schedule


class Model:
    """A softmax regression with batch normalization, and a kernel that only decays."""

    name, steps_per_execution = "model", 1

    def __init__(self, seed=1, keeps_mean=True):
        random = np.random.default_rng(seed)
        new = lambda *shape: random.normal(size=shape).astype(np.float32)
        self.trainable_variables = [
            Variable("conv2d/kernel", new(3, 3, 2, 4)),
            Variable("batch_normalization/gamma", np.ones(5, np.float32)),
            Variable("batch_normalization/beta", np.zeros(5, np.float32)),
            Variable("dense/kernel", new(5, 3)),
            Variable("dense/bias", np.zeros(3, np.float32)),
        ]
        self.non_trainable_variables = [
            Variable("batch_normalization/moving_mean", np.zeros(5, np.float32)),
            Variable("batch_normalization/moving_variance", np.ones(5, np.float32)),
            Variable("dropout/seed_generator_state", np.zeros(2, np.uint32)),
        ]
        self.optimizer, self.metrics = Optimizer(), [Mean()] if keeps_mean else []

    def variables(self):
        metrics = [v for m in self.metrics for v in (m.total, m.count)]
        return [*self.trainable_variables, *self.non_trainable_variables, *metrics]

    def jax_state_sync(self):
        for v in self.variables():
            v.value = v.newest

    def train_step(self, x, labels):
        """Update the newest values; return the loss."""
        kernel, gamma, beta, dense, bias = (v.newest for v in self.trainable_variables)
        mean, variance = x.mean(axis=0), x.var(axis=0)
        normal = (x - mean) / np.sqrt(variance + np.float32(1e-3))
        logits = (normal * gamma + beta) @ dense + bias
        logits = logits - logits.max(axis=1, keepdims=True)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = np.float32(-np.log(p[np.arange(len(x)), labels]).mean())
        d = p.copy()
        d[np.arange(len(x)), labels] -= 1
        d /= np.float32(len(x))
        inner = d @ dense.T
        gradients = [
            kernel,
            (inner * normal).sum(axis=0),
            inner.sum(axis=0),
            (normal * gamma + beta).T @ d,
            d.sum(axis=0),
        ]
        rate = self.optimizer.learning_rate
        for v, g in zip(self.trainable_variables, gradients):
            self._donate(v, v.newest - rate * g)
        for v, now in zip(self.non_trainable_variables, (mean, variance)):
            self._donate(v, np.float32(0.9) * v.newest + np.float32(0.1) * now)
        self._donate(self.non_trainable_variables[2], self.non_trainable_variables[2].newest + np.uint32(1))
        self.optimizer.iterations += 1
        return loss

    def _donate(self, v, new):
        """Set a new value, and use the memory of the old one for other things, as XLA may."""
        old, v.newest = v.newest, new
        old.fill(77)

    def fit(self, batches, epochs=1, callbacks=None):
        for callback in callbacks:
            callback.set_model(self)
            callback.set_params({"epochs": epochs, "steps": len(batches), "verbose": 0})
        call = lambda hook, *args, **kwargs: [getattr(c, hook)(*args, **kwargs) for c in callbacks]
        call("on_train_begin", {})
        for epoch in range(epochs):
            for m in self.metrics:
                m.reset()
            call("on_epoch_begin", epoch, {})
            for i, (x, labels) in enumerate(batches):
                call("on_train_batch_begin", i, logs={})
                loss = self.train_step(x, labels)
                for m in self.metrics:
                    m.update(loss, len(x))
                logs = {"loss": float(self.metrics[0].result())} if self.metrics else {"loss": float(loss)}
                call("on_train_batch_end", i, logs=logs)
            self.jax_state_sync()
            call("on_epoch_end", epoch, {})
        self.jax_state_sync()
        call("on_train_end", {})

"""A stand-in for the Trainer of Hugging Face: the order of its events, and nothing else.

It follows src/transformers/trainer.py and trainer_callback.py of transformers 4.49 (huggingface/transformers,
2cda12c and 01081ce): _inner_training_loop, training_step, compute_loss, CallbackHandler. The hooks on_optimizer_step
(since 4.42) and on_pre_optimizer_step (pull request 33444 of September 2024, after clipping) are called too, and
also in this order in 5.12 (its page "Callbacks"). It was written from them; it has none of their code.
install() makes it importable as transformers.
"""

import sys
import types

import torch

from standin_accelerate import Accelerator

EVENTS = """on_init_end on_train_begin on_train_end on_epoch_begin on_epoch_end on_step_begin on_pre_optimizer_step
on_optimizer_step on_substep_end on_step_end on_evaluate on_save on_log""".split()


class TrainerCallback:
    """It has a method for each event, which does nothing."""


for event in EVENTS:
    setattr(TrainerCallback, event, lambda self, args, state, control, **kwargs: None)


def install():
    """Register the module transformers."""
    sys.modules["transformers"] = types.ModuleType("transformers")
    sys.modules["transformers"].TrainerCallback = TrainerCallback


class Trainer:
    def __init__(self, model, args, batches, optimizers, accelerator=None, loss_of=None):
        self.model, self.args, self.batches, self.loss_of = model, args, batches, loss_of
        self.accelerator = accelerator or Accelerator()
        self.optimizer, self.lr_scheduler = optimizers
        self.callbacks = []
        self.state = types.SimpleNamespace(epoch=None, global_step=0, max_steps=0, num_train_epochs=0)
        self.control = types.SimpleNamespace(should_training_stop=False)

    def add_callback(self, callback):
        self.callbacks.append(callback)

    def call(self, event):
        for callback in self.callbacks:
            getattr(callback, event)(
                self.args,
                self.state,
                self.control,
                model=self.model,
                optimizer=self.optimizer,
                lr_scheduler=self.lr_scheduler,
            )

    def compute_loss(self, model, inputs):
        if self.loss_of is not None:
            return self.loss_of(model, inputs)
        return model(**inputs)["loss"]

    def training_step(self, model, inputs, num_items_in_batch=None):
        model.train()
        loss = self.compute_loss(model, inputs)
        loss = loss / self.args.gradient_accumulation_steps
        self.accelerator.backward(loss)
        return loss.detach()

    def train(self, resumed=None):
        """Train. resumed: a checkpoint, a dict with model, optimizer, global_step and epoch."""
        args, accelerator = self.args, self.accelerator
        if resumed:
            self.model.load_state_dict(resumed["model"])
        wrapped, self.optimizer = accelerator.prepare(self.model, self.optimizer)
        per_epoch = -(-len(self.batches) // args.gradient_accumulation_steps)
        self.state.max_steps, self.state.num_train_epochs = per_epoch * args.num_train_epochs, args.num_train_epochs
        self.state.epoch = 0
        if resumed:
            self.optimizer.optimizer.load_state_dict(resumed["optimizer"])
            self.state.global_step, self.state.epoch = resumed["global_step"], resumed["epoch"]
        best, self.tr_loss = None, torch.tensor(0.0)
        wrapped.zero_grad()
        self.call("on_train_begin")
        for epoch in range(self.state.global_step // per_epoch, args.num_train_epochs):
            self.call("on_epoch_begin")
            n = len(self.batches)
            for step, inputs in enumerate(self.batches):
                synchronizes = (step + 1) % args.gradient_accumulation_steps == 0 or step + 1 == n
                accelerator.sync_gradients = synchronizes
                if step % args.gradient_accumulation_steps == 0:
                    self.call("on_step_begin")
                self.tr_loss = self.tr_loss + self.training_step(wrapped, inputs, None)
                if not synchronizes:
                    self.call("on_substep_end")
                    continue
                if args.max_grad_norm:
                    accelerator.clip_grad_norm_(wrapped.parameters(), args.max_grad_norm)
                self.call("on_pre_optimizer_step")
                self.optimizer.step()
                self.call("on_optimizer_step")
                self.lr_scheduler.step()
                wrapped.zero_grad()
                self.state.global_step += 1
                self.state.epoch = epoch + (step + 1) / n
                self.call("on_step_end")
            self.call("on_epoch_end")
            if best is None:  # the first epoch is the best one
                best = {n: t.clone() for n, t in self.model.state_dict().items()}
        if args.load_best_model_at_end:
            self.model.load_state_dict(best)
        self.call("on_train_end")

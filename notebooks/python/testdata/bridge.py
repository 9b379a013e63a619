"""A model of P parameters that listens for sgdwalk, with a loss that costs nothing: for
BenchmarkPython of analyze/objective. It prints its address, and ends with its input. With
"nothing" the parameters of the model are not set.

    bridge.py P nothing|arrays|torch
"""

import contextlib
import select
import sys

import numpy as np

from sgdwalk.conversation import Conversation
from sgdwalk.evaluator import evaluator_of
from sgdwalk.listener import Listener

p = int(sys.argv[1])
if sys.argv[2] == "torch":
    import torch

    torch.set_num_threads(1)
    model = torch.nn.Linear(p, 1, bias=False)
    loss = lambda model: model.weight[0, 0].item()
else:
    model = {"weight": np.zeros((1, p), np.float32)}
    loss = lambda model: model["weight"][0, 0]
evaluator = evaluator_of(model)
if sys.argv[2] == "nothing":
    received = []
    evaluator.put = lambda theta, state: received.__setitem__(slice(None), [theta])
    loss = lambda model: received[0][0]
listener = Listener(lambda: Conversation(evaluator, loss, model, True, None, lambda error, reason: None))
with contextlib.closing(listener):
    print(listener.address, flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        listener.answer(0.2)

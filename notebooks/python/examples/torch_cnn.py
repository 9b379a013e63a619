"""Record a small PyTorch network with batch normalization at every step.

    sgdwalk python > sgdwalk.py
    python3 torch_cnn.py RUN
    sgdwalk path RUN; sgdwalk pca RUN
"""

import sys

import torch
from torch import nn

from sgdwalk import Recorder

torch.manual_seed(1)
images, labels = torch.randn(320, 1, 12, 12), torch.randint(0, 4, (320,))
images += labels[:, None, None, None] * 0.3  # something to learn
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 8, 3, padding=1),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(8, 4),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
seen = []  # what the test compares the recording with


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])


with Recorder(model, optimizer, out=sys.argv[1], grad=True, epochs=2, batch=32, steps=20) as recorder:
    for epoch in range(2):
        for x, y in zip(images.split(32), labels.split(32)):
            before = [b.clone() for b in model.buffers() if b.is_floating_point()]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            recorder.step(loss, epoch=epoch + 1, examples=len(x))
            seen.append(
                (
                    loss.item(),
                    flat(model.parameters()).clone(),
                    flat(p.grad for p in model.parameters()).clone(),
                    flat(before),
                )
            )
            optimizer.step()

if len(sys.argv) > 2:
    import numpy as np

    losses, theta, grad, state = zip(*seen)
    last = torch.cat([p.detach().flatten() for p in model.parameters()])
    end = torch.cat([b.flatten() for b in model.buffers() if b.is_floating_point()])
    np.savez(
        sys.argv[2],
        batch_loss=[*losses, 0],
        theta=torch.stack([*theta, last]),
        grad=torch.stack([*grad, 0 * last]),
        state=torch.stack([*state, end]),
    )

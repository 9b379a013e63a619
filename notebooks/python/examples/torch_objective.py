"""Evaluate the loss of torch_cnn.py's network, for sgdwalk.

    python3 torch_cnn.py RUN
    sgdwalk walk --objective "python3 torch_objective.py" RUN
    sgdwalk landscape --objective "python3 torch_objective.py" --also accuracy RUN
"""

import torch
from torch import nn

from sgdwalk import serve

torch.manual_seed(1)  # the data of torch_cnn.py, all of them and in their order
images, labels = torch.randn(320, 1, 12, 12), torch.randint(0, 4, (320,))
images += labels[:, None, None, None] * 0.3
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


def loss(model):
    outputs = model(images)
    return {
        "loss": nn.functional.cross_entropy(outputs, labels),
        "accuracy": (outputs.argmax(1) == labels).float().mean(),
    }


serve(loss, model)

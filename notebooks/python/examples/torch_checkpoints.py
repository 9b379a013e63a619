"""Train the network of torch_cnn.py and keep a folder of checkpoints, as scripts do.

    sgdwalk python > sgdwalk.py
    python3 torch_checkpoints.py CHECKPOINTS
    sgdwalk import CHECKPOINTS --layout CHECKPOINTS/layout.json --out RUN
    sgdwalk path RUN; sgdwalk pca RUN
    sgdwalk line --objective "python3 torch_objective.py" RUN
    sgdwalk landscape --objective "python3 torch_objective.py" --grid 21x21 RUN
"""

import json
import pathlib
import sys

import torch
from torch import nn

from sgdwalk import layout_of

folder = pathlib.Path(sys.argv[1])
folder.mkdir()
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


def keep(step):
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, folder / f"ckpt_{step}.pt"
    )


step = 0
for epoch in range(2):
    for x, y in zip(images.split(32), labels.split(32)):
        if step % 2 == 0:
            keep(step)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        step += 1
keep(step)
(folder / "layout.json").write_text(json.dumps(layout_of(model)))  # what is a filter, a bias, a statistic

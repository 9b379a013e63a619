"""The loss of sgdwalk's own networks, by PyTorch: their layouts name for name.

    native_objective.py MODEL DATA.npz

Weights are laid out alike: filters are (out, in, height, width), and a linear layer behind
a convolution takes the image channel by channel. Inputs alone are channels last.
"""

import sys
from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from sgdwalk import serve


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x):
        return F.batch_norm(x, self.running_mean, self.running_variance, self.scale, self.shift)


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), Norm(cout)
        self.conv2, self.norm2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), Norm(cout)
        self.stride, self.extra = stride, cout - cin

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra)))


class ChannelsLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def mlp(inputs, width=32):
    return [("flatten", ChannelsLast()), ("linear1", nn.Linear(inputs[0].numel(), width)), ("relu", nn.ReLU()), ("linear2", nn.Linear(width, 10))]


def mlp8(inputs):
    return mlp(inputs, 8)


def mlp12(inputs):
    return mlp(inputs, 12)


def lenet(inputs):
    side = (inputs.shape[2] // 2 - 4) // 2
    return [
        ("conv1", nn.Conv2d(inputs.shape[1], 6, 5, padding=2)), ("relu1", nn.ReLU()), ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(6, 16, 5)), ("relu2", nn.ReLU()), ("pool2", nn.MaxPool2d(2)), ("flatten", nn.Flatten()),
        ("linear1", nn.Linear(16 * side * side, 120)), ("relu3", nn.ReLU()), ("linear2", nn.Linear(120, 84)), ("relu4", nn.ReLU()), ("linear3", nn.Linear(84, 10)),
    ]


def resnet8(inputs):
    stages = [("stage%d" % (i + 1), nn.Sequential(OrderedDict(block1=Block(*shape)))) for i, shape in enumerate([(16, 16, 1), (16, 32, 2), (32, 64, 2)])]
    return [
        ("conv1", nn.Conv2d(inputs.shape[1], 16, 3, 1, 1, bias=False)), ("norm1", Norm(16)), ("relu", nn.ReLU()), *stages,
        ("average", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("linear1", nn.Linear(64, 10)),
    ]


torch.set_num_threads(1)
data = np.load(sys.argv[2])
inputs = torch.from_numpy(data["inputs"]).permute(0, 3, 1, 2).contiguous()
labels = torch.from_numpy(data["labels"]).long()


def loss(model):
    logits = model(inputs).double()  # the mean is taken in float64, as sgdwalk's is
    return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).double().mean()}


serve(loss, nn.Sequential(OrderedDict(globals()[sys.argv[1]](inputs))))

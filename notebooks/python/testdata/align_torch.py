"""Align two trainings of a torch network by permutations, and apply the permutations in torch.

The network has all that makes a specification hard: batch normalization with running
statistics, a shortcut with a projection, one without, and a flattened image. Prints "ok".
"""

import json
import os
import sys

import numpy as np
import torch
from torch import nn

import sgdwalk

folder = sys.argv[1]
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
images = torch.randn(120, 2, 6, 6, generator=generator)
labels = (images.mean((1, 2, 3)) * 40).long().clamp(-1, 1) + 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.conv1 = nn.Conv2d(6, 5, 3, padding=1)
        self.conv2 = nn.Conv2d(5, 6, 3, padding=1)  # added to the stem
        self.conv3 = nn.Conv2d(6, 8, 3, stride=2, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(8)
        self.project = nn.Conv2d(6, 8, 1, stride=2)  # added to conv3
        self.fc = nn.Linear(8 * 9, 3)

    def forward(self, x):
        x = torch.relu(self.bn(self.stem(x)))
        x = torch.relu(x + self.conv2(torch.relu(self.conv1(x))))
        x = torch.relu(self.bn3(self.conv3(x)) + self.project(x))
        return self.fc(x.flatten(1))


AXES = {
    "stem.weight": ["s", "input", None, None],
    "bn.weight": ["s"],
    "bn.bias": ["s"],
    "bn.running_mean": ["s"],
    "bn.running_var": ["s"],
    "conv1.weight": ["h", "s", None, None],
    "conv1.bias": ["h"],
    "conv2.weight": ["s", "h", None, None],
    "conv2.bias": ["s"],
    "conv3.weight": ["t", "s", None, None],
    "bn3.weight": ["t"],
    "bn3.bias": ["t"],
    "bn3.running_mean": ["t"],
    "bn3.running_var": ["t"],
    "project.weight": ["t", "s", None, None],
    "project.bias": ["t"],
    "fc.weight": ["output", "t*9"],
    "fc.bias": ["output"],
}
criterion = nn.CrossEntropyLoss()
quick = {"progress": False, "formats": "svg"}


def loss_of(model):
    return criterion(model(images), labels)


def train(name, seed, axes):
    torch.manual_seed(seed)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    with sgdwalk.Recorder(model, optimizer, out=os.path.join(folder, name), axes=axes) as recorder:
        for epoch in range(8):
            for i in torch.randperm(120).split(30):
                optimizer.zero_grad()
                value = criterion(model(images[i]), labels[i])
                value.backward()
                recorder.step(value, epoch=epoch)
                optimizer.step()
    return sgdwalk.open(os.path.join(folder, name))


one, two = train("one", 1, AXES), train("two", 2, AXES)
assert [a or None for a in one.layout[0]["axes"]] == ["s", "input", None, None], one.layout[0]
model = Net()
before = {k: v.clone() for k, v in model.state_dict().items()}
out = os.path.join(folder, "line")
line = one.line(loss_of, model, from_=-1, to_run=two, align=True, connectivity=True, out=out, **quick)
assert all(torch.equal(v, model.state_dict()[k]) for k, v in before.items()), "the model has changed"
summary = line.summary
assert summary.alignment.moved > 0 and len(summary.alignment.layers) == 3, summary.alignment
assert summary.alignment.distance_after < summary.alignment.distance_before, summary.alignment
assert any("before the alignment" in f for f in line.findings), line.findings

# Apply the permutations in torch, with torch's own indexing.
places = line.tables["permutations"]
order = {n: torch.as_tensor(np.array(places["unit"])[np.array(places["units"]) == n]).long() for n in ("s", "h", "t")}
end = two.state_dict(-1)
permuted = {}
for name, tensor in end.items():
    for axis, units in enumerate(AXES[name]):
        if units in order:
            tensor = tensor.index_select(axis, order[units])
        elif units == "t*9":
            tensor = tensor.reshape(3, 8, 9).index_select(1, order["t"]).reshape(3, 72)
    permuted[name] = tensor


def loss_at(tensors):
    model.load_state_dict({**model.state_dict(), **tensors})
    model.eval()
    with torch.no_grad():
        return loss_of(model).item()


original, moved = loss_at(end), loss_at(permuted)
assert abs(original - moved) < 1e-5 * original, (original, moved)
start = one.state_dict(-1)
distance = float(sum((start[t["name"]] - permuted[t["name"]]).double().pow(2).sum() for t in one.layout) ** 0.5)
assert abs(distance - summary.alignment.distance_after) < 1e-6 * distance, (distance, summary.alignment)

# Every loss of both lines, with the running statistics interpolated.
table = line.tables["losses"]
for column, to in ("loss", end), ("aligned_loss", permuted):
    for alpha, value in zip(table["alpha"], table[column]):
        own = loss_at({k: start[k] + float(alpha) * (to[k] - start[k]) for k in start})
        assert abs(own - value) < 1e-4 * own, (column, alpha, own, value)

# The statistics of the batch at every point.
batch = one.line(
    loss_of, model, training=True, from_=-1, to_run=two, align=True, connectivity=True, out=out + "-batch", **quick
)
assert batch.summary.aligned.barrier_over_ends < batch.summary.line.barrier_over_ends, batch.summary

# A shortcut that is forgotten in the names: the loss finds it.
forgotten = {**AXES, "conv2.weight": ["q", "h", None, None], "conv2.bias": ["q"]}
layout = os.path.join(folder, "layout.json")
bare = train("bare", 1, None)
assert "axes" not in bare.layout[0], bare.layout[0]
for names, message in (
    (forgotten, 'the permutation of these does: "s" ('),
    (
        {**AXES, "conv1.weight": ["h", "t", None, None]},
        'axis 0 of conv3.weight has 8 units "t"; axis 1 of conv1.weight has 6',
    ),
):
    with open(layout, "w") as file:
        json.dump(sgdwalk.layout_of(model, names), file)
    try:
        bare.line(loss_of, model, from_=-1, to_run=two, align=True, layout=layout, out=out + "-wrong", **quick)
        raise SystemExit("wrong axes are accepted")
    except sgdwalk.AnalysisError as e:
        assert message in str(e), e
with open(layout, "w") as file:
    json.dump(sgdwalk.layout_of(model, AXES), file)
named = bare.line(
    loss_of, model, from_=-1, to_run=two, align=True, connectivity=True, layout=layout, out=out + "-named", **quick
)
assert named.summary.alignment.distance_after == summary.alignment.distance_after, named.summary
for axes, message in (
    ({"nothing": ["s"]}, "axes names ['nothing']; the model has"),
    ({"bn.weight": ["s", None]}, "it must be a list of 1 names"),
    ({"bn.weight": "s"}, "it must be a list of 1 names"),
):
    try:
        sgdwalk.layout_of(model, axes)
        raise SystemExit("wrong axes are accepted")
    except sgdwalk.InputError as e:
        assert message in str(e), e
print("ok")

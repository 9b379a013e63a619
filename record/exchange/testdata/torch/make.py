"""The checkpoints of pt_test.go, as PyTorch 1.13 wrote them: python3 make.py"""

import argparse

import torch

tensors = {
    "conv.weight": torch.arange(12.0).reshape(3, 4).t().reshape(4, 3, 1, 1),  # strides that are not row-major
    "view": torch.arange(6.0).reshape(2, 3).t(),
    "half": torch.full((2, 2), 1.5).half(),
    "brain": torch.full((3,), 2.25).bfloat16(),
    "double": torch.ones(2, dtype=torch.float64) / 3,
    "scalar": torch.tensor(-7.0),
    "num_batches_tracked": torch.tensor(5),
}
torch.save(tensors, "zip.pt")
torch.save(tensors, "legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"model_state_dict": tensors, "step": 300, "epoch": 2, "loss": 0.5, "optimizer": {"param_groups": [{"lr": 0.1}]}}, "nested.pt")
torch.save([1, 2], "list.pt")
torch.save({"loss": 0.5}, "empty.pt")

# What real scripts leave behind: wrappers, prefixes, tied weights, whole modules.
net = torch.nn.Sequential()
net.conv, net.bn, net.fc = torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(2, 3)
with torch.no_grad():
    for i, p in enumerate(net.parameters()):
        p.copy_((torch.arange(p.numel()) / 8 + i).view(p.shape))  # numbers that half precision has too
state = {k: v.clone() for k, v in net.state_dict().items()}
optimizer = torch.optim.Adam(net.parameters())
for p in net.parameters():
    p.grad = torch.zeros_like(p)
optimizer.step()
net.load_state_dict(state)  # the optimizer has moments now
few = {k: v for k, v in state.items() if k != "fc.bias"}
torch.save(state, "net.pt")
torch.save(few, "missing.pt")
torch.save({**state, "head.weight": torch.zeros(4, 3)}, "extra.pt")
torch.save({**few, "fc.bias": state["fc.bias"].view(3, 1)}, "reshaped.pt")
torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, "float16.pt")
torch.save({**state, "fc.weight": state["fc.weight"].bfloat16(), "fc.bias": state["fc.bias"].double()}, "mixed.pt")
torch.save({"model": state, "optimizer": optimizer.state_dict(), "loss": torch.tensor(0.5), "args": argparse.Namespace(lr=0.1), "epoch": 3}, "wrapped.pt")
torch.save({"student": state, "teacher": {k: v + 1 for k, v in state.items()}}, "several.pt")
torch.save({"module." + k: v for k, v in state.items()}, "parallel.pt")
torch.save(dict(net.named_parameters()), "parameters.pt")
torch.save(net, "whole.pt")
net.bn, net.fc, net.tied = torch.nn.Identity(), torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
net.tied.weight = net.fc.weight
net.register_buffer("table", torch.ones(2, 2))
torch.save(net.state_dict(), "tied.pt")
torch.save({**state, "sparse": torch.eye(3).to_sparse()}, "sparse.pt")

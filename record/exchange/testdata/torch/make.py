"""The checkpoints of pt_test.go, as PyTorch 1.13 wrote them: python3 make.py"""

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

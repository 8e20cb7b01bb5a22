"""PyTorch networks as models: any ``torch.nn.Module`` factory, and two networks by name."""

from typing import Any

from claros.errors import require

require("torch", "torch", "a torch model")
require("safetensors", "torch", "a torch model")

from claros.models.torch.adapter import TorchModel  # noqa: E402

__all__ = ["TorchModel", "cnn", "resnet18"]


def cnn(**parameters: Any) -> TorchModel:
    """`claros.models.torch.nets.SmallCNN` with the given options and arguments (``width``, ``dropout``)."""
    return TorchModel.named("cnn", "claros.models.torch.nets:SmallCNN", parameters)


def resnet18(**parameters: Any) -> TorchModel:
    """`claros.models.torch.nets.ResNet18` with the given options and arguments (``width``, ``dropout``)."""
    return TorchModel.named("resnet18", "claros.models.torch.nets:ResNet18", parameters)

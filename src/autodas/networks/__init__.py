"""Networks in plain PyTorch, one family a file, with stages that can be compared.

A student and its teacher are compared at *stages*: every network here shows the outputs of a
few points on the way to its logits (:class:`StagedNetwork`). :func:`seeded` initialises a
network reproducibly, :func:`cost` counts parameters and MACs without allocating weights.
"""

from autodas.networks.base import StagedNetwork, seeded
from autodas.networks.cost import Cost, cost, count, parameters
from autodas.networks.resnet import ResNet, cifar_resnet, resnet18
from autodas.networks.transformer import set_drop_path
from autodas.networks.vit import VisionTransformer, deit_tiny

__all__ = [
    "Cost",
    "ResNet",
    "StagedNetwork",
    "VisionTransformer",
    "cifar_resnet",
    "cost",
    "count",
    "deit_tiny",
    "parameters",
    "resnet18",
    "seeded",
    "set_drop_path",
]

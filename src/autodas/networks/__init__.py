"""Networks in plain PyTorch, one family a file, with stages that can be compared.

A student and its teacher are compared at *stages*: every network here shows the outputs of a
few points on the way to its logits (:class:`StagedNetwork`). :func:`seeded` initialises a
network reproducibly, :func:`cost` counts parameters and MACs without allocating weights.
"""

from autodas.networks.base import StagedNetwork, seeded, weights_digest
from autodas.networks.cost import Cost, cost, count, parameters, without_weights
from autodas.networks.darts import DartsNetwork
from autodas.networks.mobile import MobileNet
from autodas.networks.nasbench101 import CellNetwork101
from autodas.networks.nasbench201 import CellNetwork201
from autodas.networks.pit import PoolingTransformer
from autodas.networks.resnet import LinearResNet, ResNet, WideResNet, cifar_resnet, resnet18
from autodas.networks.transformer import set_drop_path
from autodas.networks.transnas import TransNasNetwork
from autodas.networks.undisturbed import undisturbed
from autodas.networks.vgg import VGG
from autodas.networks.vit import VisionTransformer

__all__ = [
    "VGG",
    "CellNetwork101",
    "CellNetwork201",
    "Cost",
    "DartsNetwork",
    "LinearResNet",
    "MobileNet",
    "PoolingTransformer",
    "ResNet",
    "StagedNetwork",
    "TransNasNetwork",
    "VisionTransformer",
    "WideResNet",
    "cifar_resnet",
    "cost",
    "count",
    "parameters",
    "resnet18",
    "seeded",
    "set_drop_path",
    "undisturbed",
    "weights_digest",
    "without_weights",
]

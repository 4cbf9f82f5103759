"""Public checkpoints of CIFAR ResNets, as safetensors files that users may put beside the program.

Images are scaled to [0, 1] and normalised by the mean and deviation of ImageNet (CIFAR-10) or of
CIFAR-100 (CIFAR-100) before these networks see them.
"""

from __future__ import annotations

from dataclasses import dataclass

from autodas.data import Normalisation
from autodas.data.images import CIFAR100, IMAGENET
from autodas.teachers.blueprint import Blueprint

__all__ = ["PUBLIC", "PublicCheckpoint"]


@dataclass(frozen=True)
class PublicCheckpoint:
    """A known file.

    Attributes:
        name: What the teacher is called.
        description: What it is and who published it.
        file: Where it lies below ``AUTODAS_DATA``.
        sha256: Of the file.
        blueprint: Its network.
        accuracy: As published with it, in percent; None if nothing was.
        normalisation: How its training images were normalised.
        measured: Accuracy in percent that we found on the original test images in
            ``cifar10-sample`` (1017, standard error about 0.8) or ``cifar100-sample`` (916,
            standard error about 1.5).
    """

    name: str
    description: str
    file: str
    sha256: str
    blueprint: Blueprint
    accuracy: float | None
    normalisation: Normalisation
    measured: float

    @property
    def quality(self) -> str:
        """What is known of its accuracy, in words."""
        published = f"{self.accuracy} % published, " if self.accuracy is not None else ""
        sample = {10: "1017 images of CIFAR-10", 100: "916 images of CIFAR-100"}
        return f"{published}{self.measured} % measured on {sample[self.blueprint.num_classes]}"


def _cifar10(layers: int, sha256: str, accuracy: float, measured: float) -> PublicCheckpoint:
    return PublicCheckpoint(
        f"cifar10-resnet{layers}",
        f"ResNet-{layers} for CIFAR-10 (akamaster/pytorch_resnet_cifar10)",
        f"teachers/cifar10_resnet{layers}.safetensors",
        sha256,
        Blueprint("cifar-resnet", {"layers": layers}, num_classes=10),
        accuracy,
        IMAGENET,
        measured,
    )


def _cifar100(blocks: int, sha256: str, measured: float) -> PublicCheckpoint:
    layers = 6 * blocks + 2
    return PublicCheckpoint(
        f"cifar100-resnet{layers}w",
        f"ResNet-{layers} with wide stem for CIFAR-100 (karanchahal/distiller)",
        f"teachers/cifar100_resnet{layers}w.safetensors",
        sha256,
        Blueprint("linear-resnet", {"blocks": blocks}, num_classes=100),
        None,
        CIFAR100,
        measured,
    )


PUBLIC = (
    _cifar10(20, "df7b33e5e9b3a853df892ad0db2548f5905c9ab78840ff5672c285ed40290629", 91.78, 91.64),
    _cifar10(56, "53748e582e594d1149884bb12b096ed8eadd89fa7475ab53e63dd63e3281fedb", 93.62, 92.72),
    _cifar100(1, "53aa162ca73362d0211b37912860651167e93ca658e6fb7d730dc6a0c3add33b", 66.38),
    _cifar100(2, "8497dbc6eea529f5d5cb6331b3bfb85be9b33118c7131a2b263c5695b7deb0e1", 67.14),
    _cifar100(3, "ed2fb569fb1e865c7eabc4473246c0c9ce281ae13b56f88c4a4e18a2825d5e7b", 68.89),
    _cifar100(4, "2817ae386162f0d40548049d1522887a0d149a1854f8395cde2448f9377a7170", 70.41),
    _cifar100(5, "6f6569772612ce25b5f77f0595f7698359a65a44ef8f9642d558d11e9d1cd89d", 72.05),
)

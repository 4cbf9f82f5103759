"""Labels that stand in for those of tasks that no image at hand has."""

from __future__ import annotations

import torch

from autodas.data.batch import Batch
from autodas.workbench.task_labels import labelled_for


def batch(images: torch.Tensor) -> Batch:
    return Batch(images, torch.zeros(len(images), dtype=torch.int64), 10, "some", "some")


IMAGES = batch(torch.randn(4, 3, 16, 17, generator=torch.Generator().manual_seed(0)))


def test_an_autoencoder_is_to_give_back_the_image() -> None:
    found = labelled_for(IMAGES, "autoencoder", 0)
    torch.testing.assert_close(found.labels * IMAGES.images.abs().max(), IMAGES.images)
    assert found.labels.abs().max() == 1
    dark = labelled_for(batch(-2 * torch.ones(2, 1, 4, 4)), "autoencoder", 0)
    assert (dark.labels == -1).all()
    assert found.num_classes == 3
    assert found.images is IMAGES.images
    assert (labelled_for(batch(torch.zeros(2, 1, 4, 4)), "autoencoder", 0).labels == 0).all()


def test_segments_are_seventeenths_from_dark_to_bright() -> None:
    ramp = torch.arange(34.0).reshape(1, 1, 2, 17).expand(1, 3, 2, 17)
    found = labelled_for(batch(ramp), "segmentsemantic", 0)
    assert found.labels.flatten().tolist() == [i // 2 for i in range(34)]
    assert found.num_classes == 17
    many = labelled_for(IMAGES, "segmentsemantic", 0).labels
    assert many.shape == (4, 16, 17)
    for image in many:
        assert image.unique(return_counts=True)[1].tolist() == [16] * 17


def test_normals_lean_away_from_the_slope() -> None:
    slope = 2.0 * torch.arange(5.0).expand(1, 3, 4, 5)  # rises to the right
    normals = labelled_for(batch(slope), "normal", 0).labels
    assert normals.shape == (1, 3, 4, 5)
    inside = normals[0, :, 1, 2]
    torch.testing.assert_close(inside, torch.tensor([-2.0, 0.0, 1.0]) / 5**0.5)
    torch.testing.assert_close(
        labelled_for(batch(slope.mT), "normal", 0).labels[0, :, 2, 1],
        torch.tensor([0.0, -2.0, 1.0]) / 5**0.5,
    )


def test_a_layout_is_how_bright_each_ninth_of_the_image_is() -> None:
    cells = torch.arange(9.0).reshape(1, 1, 3, 3)
    images = cells.repeat_interleave(2, 2).repeat_interleave(4, 3)
    found = labelled_for(batch(images), "room_layout", 0).labels
    torch.testing.assert_close(found, ((cells - 4) / (60 / 9) ** 0.5).reshape(1, 9))
    assert (labelled_for(batch(torch.ones(2, 1, 4, 4)), "room_layout", 0).labels == 0).all()


def test_a_jigsaw_lies_in_the_order_of_its_label() -> None:
    cells = torch.arange(9.0).reshape(1, 1, 3, 3).expand(40, 1, 3, 3)
    images = cells.repeat_interleave(2, 2).repeat_interleave(2, 3)
    found = labelled_for(batch(torch.cat([images, images[..., :1]], 3)), "jigsaw", 3)
    assert found.images.shape == (40, 1, 6, 6)
    orders = {}
    for image, label in zip(found.images, found.labels.tolist(), strict=True):
        order = tuple(image[0, ::2, ::2].flatten().tolist())
        assert sorted(order) == list(range(9))
        assert orders.setdefault(label, order) == order
    assert len(set(orders.values())) > 20
    assert min(orders) >= 0
    assert max(orders) < found.num_classes == 1000
    again, other = (labelled_for(batch(images), "jigsaw", seed) for seed in (3, 4))
    assert torch.equal(again.labels, found.labels)
    assert not torch.equal(other.labels, found.labels)


def test_batches_of_different_tasks_have_different_digests() -> None:
    tasks = ("segmentsemantic", "normal", "autoencoder", "room_layout", "jigsaw")
    digests = {labelled_for(IMAGES, task, 0).digest for task in tasks} | {IMAGES.digest}
    assert len(digests) == 6

"""The recipes that have a name."""

from __future__ import annotations

from autodas.core.catalog import Catalog
from autodas.distill.recipe import Recipe

__all__ = ["RECIPES", "get_recipe"]

RECIPES: Catalog[Recipe] = Catalog("recipe")
for _recipe in (
    Recipe(
        name="digits-cnn-short",
        description="CNN students on digits: SGD, seconds on one core",
        epochs=20,
        batch_size=50,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=5e-4,
    ),
    Recipe(
        name="digits-vit-short",
        description="ViT students on digits: AdamW with warm-up, seconds on one core",
        epochs=30,
        batch_size=50,
        optimizer="adamw",
        learning_rate=1e-2,
        weight_decay=0.05,
        beta2=0.95,
        warm_up=0.1,
        temperature=2.0,
        clip_norm=1.0,
    ),
    Recipe(
        name="digits-teacher",
        description="teachers on digits: long, with shifted images",
        epochs=150,
        batch_size=50,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=5e-4,
        warm_up=0.05,
        shift=1,
    ),
    Recipe(
        name="fashion-cnn-short",
        description="CNN students on a few thousand small images: SGD, seconds on one core",
        epochs=6,
        batch_size=50,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=5e-4,
        warm_up=0.1,
    ),
    Recipe(
        name="fashion-vit-short",
        description="ViT students on a few thousand small images: AdamW, seconds on one core",
        epochs=6,
        batch_size=50,
        optimizer="adamw",
        learning_rate=1e-2,
        weight_decay=0.05,
        beta2=0.95,
        warm_up=0.1,
        temperature=2.0,
        clip_norm=1.0,
    ),
    Recipe(
        name="fashion-teacher",
        description="teachers on tens of thousands of small images, with shifts: minutes on a core",
        epochs=8,
        batch_size=100,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        warm_up=0.1,
        shift=1,
    ),
    Recipe(
        name="fine-tune",
        description="networks that go on from known weights: SGD in small steps, 10 epochs",
        epochs=10,
        batch_size=64,
        optimizer="sgd",
        learning_rate=0.01,
        weight_decay=5e-4,
        warm_up=0.1,
        flip=True,
    ),
    Recipe(
        name="cnn-short",
        description="CNN students on images of 32 pixels: SGD, cosine, 30 epochs",
        epochs=30,
        batch_size=128,
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=5e-4,
        warm_up=0.05,
        padding=4,
        flip=True,
    ),
    Recipe(
        name="cnn",
        description="CNN students on images of 32 pixels: SGD in steps, 240 epochs",
        epochs=240,
        batch_size=64,
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=5e-4,
        schedule="step",
        milestones=(0.625, 0.75, 0.875),
        padding=4,
        flip=True,
    ),
    Recipe(
        name="vit-short",
        description="ViT students on natural images: AdamW, warm-up, 50 epochs",
        epochs=50,
        batch_size=128,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.05,
        warm_up=0.1,
        clip_norm=1.0,
        padding=4,
        flip=True,
        temperature=2.0,
        label_smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
    ),
    Recipe(
        name="vit",
        description="ViT students on natural images: AdamW, 300 epochs (Touvron et al., 2021)",
        epochs=300,
        batch_size=128,
        optimizer="adamw",
        learning_rate=5e-4,
        weight_decay=0.05,
        warm_up=20 / 300,
        clip_norm=5.0,
        padding=4,
        flip=True,
        drop_path=0.1,
        temperature=2.0,
        label_smoothing=0.1,
        mixup=0.8,
        cutmix=1.0,
        ema=0.9998,
    ),
):
    RECIPES.add(_recipe.name, _recipe)


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        UnknownName: there is none of that name.
    """
    return RECIPES.get(name)

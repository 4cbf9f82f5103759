"""Training: a student learns from labels and from a teacher.

The loss is Hinton's (cross-entropy and softened teacher logits); a *recipe* holds everything
that determines a training besides network, data and seed; the trainer is one loop for students
and teachers alike. The same seed gives the same accuracy, bit for bit, on one thread of a CPU.

Names: ``train`` with ``Training`` and ``TrainingDiverged``, ``evaluate``; ``Recipe``,
``RECIPES``, ``get_recipe``; ``distillation_loss`` and ``soft_target_loss``; ``save_student`` and
``load_student``.
"""

from autodas.distill.export import load_student, save_student
from autodas.distill.losses import distillation_loss, soft_target_loss
from autodas.distill.recipe import RECIPES, Recipe, get_recipe
from autodas.distill.trainer import Training, TrainingDiverged, evaluate, train

__all__ = [
    "RECIPES",
    "Recipe",
    "Training",
    "TrainingDiverged",
    "distillation_loss",
    "evaluate",
    "get_recipe",
    "load_student",
    "save_student",
    "soft_target_loss",
    "train",
]

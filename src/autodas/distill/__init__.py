"""Training: a student learns from labels and from its teachers.

A *recipe* holds everything that determines a training besides network, data and seed; it names
the losses between student and teacher with their weights, out of a catalogue of losses on logits
and on features. The trainer is one loop for students and teachers, CPUs and GPUs. The same seed
gives the same accuracy, bit for bit, on one thread of a CPU, also after a kill.

Names: ``train`` with ``TrainingResult`` and the errors ``TrainingDiverged``, ``OutOfMemory`` and
``OutOfTime``; ``Recipe``, ``RECIPES``, ``get_recipe``; ``LOSSES`` with ``Loss``;
``evaluate``, ``quality`` with ``Quality`` and
``calibration_error``; ``save_student``, ``load_student_weights``, ``export_program`` and
``export_onnx``.
"""

from autodas.distill.evaluation import Quality, calibration_error, evaluate, quality
from autodas.distill.export import export_onnx, export_program, load_student_weights, save_student
from autodas.distill.loop import OutOfMemory
from autodas.distill.losses.catalog import LOSSES, Loss
from autodas.distill.recipe import RECIPES, Recipe, get_recipe
from autodas.distill.trainer import OutOfTime, TrainingDiverged, TrainingResult, train

__all__ = [
    "LOSSES",
    "RECIPES",
    "Loss",
    "OutOfMemory",
    "OutOfTime",
    "Quality",
    "Recipe",
    "TrainingDiverged",
    "TrainingResult",
    "calibration_error",
    "evaluate",
    "export_onnx",
    "export_program",
    "get_recipe",
    "load_student_weights",
    "quality",
    "save_student",
    "train",
]

"""Distillation-aware architecture search without training.

Importing ``autodas`` is cheap: PyTorch is loaded by the parts that need it, when they are used.
"""

__version__ = "0.1.0"

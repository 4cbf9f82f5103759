"""Students that exist already: models of timm, and networks of one's own.

:func:`wrap` makes a plain ``nn.Module`` show its stages. A :class:`Student` says where such a
network comes from and with which weights it begins; :class:`autodas.spaces.ListSpace` is a space of
some.
"""

from autodas.students.student import CLASSES, PRETRAINED, TIMM, Student, is_network
from autodas.students.wrap import wrap

__all__ = ["CLASSES", "PRETRAINED", "TIMM", "Student", "is_network", "wrap"]

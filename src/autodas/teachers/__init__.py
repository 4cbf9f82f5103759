"""Teachers: trained networks that students learn from, by name or from a file.

A teacher is a network with frozen weights, the digest of both, and what is known of its quality.
Files are safetensors with a JSON description of the same name beside them; nothing is ever
unpickled, and a file that does not fit its description is refused. A network without training
has nothing to teach: it serves comparisons, and only ``untrained:NAME`` gives one. Those without a
classifier, and ``features:NAME``, are known by their features alone.

Names: ``load_teacher`` and ``TEACHERS`` (by name), ``Teacher``, ``TeacherSource``, ``fitted`` (a
teacher for images normalised otherwise than its own), ``matched`` (the same, if it knows the
classes), ``native_size`` and ``at_native_size`` (images for a network of one size), ``Blueprint``
and ``BLUEPRINTS`` (networks as data), ``start_from`` (a teacher's network, to be trained on), and
the checkpoint functions ``save_checkpoint``, ``read_description``, ``load_weights``,
``check_fits`` (the file can fill the network) and ``check_sizes`` (with ``MOST_TIMM`` classes).
"""

from autodas.networks.checkpoint import (
    check_fits,
    load_weights,
    read_description,
    save_checkpoint,
)
from autodas.teachers.blueprint import BLUEPRINTS, Blueprint
from autodas.teachers.catalog import (
    FEATURES,
    TEACHERS,
    UNTRAINED,
    TeacherSource,
    blueprint_of,
    load_teacher,
    start_from,
)
from autodas.teachers.limits import MOST_TIMM, check_sizes
from autodas.teachers.teacher import Teacher, at_native_size, fitted, matched, native_size

__all__ = [
    "BLUEPRINTS",
    "FEATURES",
    "MOST_TIMM",
    "TEACHERS",
    "UNTRAINED",
    "Blueprint",
    "Teacher",
    "TeacherSource",
    "at_native_size",
    "blueprint_of",
    "check_fits",
    "check_sizes",
    "fitted",
    "load_teacher",
    "load_weights",
    "matched",
    "native_size",
    "read_description",
    "save_checkpoint",
    "start_from",
]

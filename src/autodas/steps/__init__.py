"""The commands, each a module or a folder: a frozen ``Config`` and one function ``run``.

label (make ground truth), measure (fill the statistics cache), discover (find a proxy), benchmark
(rank scores honestly), explain (what a score says), search (pick students), distill (train the
chosen one), train_teacher, teachers (choose among several), export (programs of a student), run
(search and distil, from a budget to a student), demo (all of it on embedded data). Steps talk to
each other through run directories and tables. Import the step you need: this package imports
nothing, so that a command loads only its own step.
"""

MODULES = {
    "run": "autodas.steps.run",
    "label": "autodas.steps.label.run",
    "measure": "autodas.steps.measure",
    "discover": "autodas.steps.discover.dispatch",
    "benchmark": "autodas.steps.benchmark.run",
    "search": "autodas.steps.search.run",
    "distill": "autodas.steps.distill.run",
    "explain": "autodas.steps.explain.run",
    "demo": "autodas.steps.demo",
    "train-teacher": "autodas.steps.train_teacher",
    "teachers": "autodas.steps.teachers",
    "convert": "autodas.steps.convert",
    "export": "autodas.steps.export.run",
    "check": "autodas.steps.check",
}
"""Command -> the module that has its ``Config`` and its ``run``."""

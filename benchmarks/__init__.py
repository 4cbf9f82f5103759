"""What the library claims about speed and precision, measured in one run on any machine.

``python -m benchmarks [NAME …]`` runs the modules of this folder that have a ``main()``. Figures
are ratios of times taken in turns, so that a busy or a slow machine changes them little.
"""

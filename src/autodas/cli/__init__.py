"""The command line: one subcommand per step, and what helps to use them.

``main`` finds the command and turns errors into one line and an exit status, ``commands`` is the
table of commands, ``options`` makes a configuration from arguments and TOML, ``output`` keeps
standard output clean, ``progress`` draws bars. ``listing`` and ``doctor`` are commands themselves,
of the same shape as a step: a dataclass ``Config`` and a function ``run``.
"""

"""Ablations: the same discovery over several seeds, with one option in several settings."""

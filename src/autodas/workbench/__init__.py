"""What every step works with: the data, teacher and batch of a space, costs, budgets, trainings.

A module belongs here as soon as two steps need it, and no earlier.
"""

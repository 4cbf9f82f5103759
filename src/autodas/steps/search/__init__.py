"""The best students of a space within budgets, by any score."""

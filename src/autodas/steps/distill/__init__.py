"""Train a chosen student with its teacher, beside others, and export it."""

"""What is run for statistics: one pass through the batch, and further ones if asked for."""

"""Losses between student and teacher, on logits and on features, and their catalogue."""

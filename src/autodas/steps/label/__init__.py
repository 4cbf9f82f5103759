"""Distil sampled students to make a table of ground truth."""

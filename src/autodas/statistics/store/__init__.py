"""What was measured, on disk and as columns over all architectures."""

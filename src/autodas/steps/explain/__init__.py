"""What a score says, what carries it, and whether it collapses."""

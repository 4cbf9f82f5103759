"""What leaves the tool: programs of a trained student, each measured, and a card that says all."""

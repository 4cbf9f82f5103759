"""Compare scores on tables, each with its interval and beside size."""

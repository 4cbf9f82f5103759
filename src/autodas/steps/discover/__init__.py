"""Evolve a proxy on spaces with tables, or many of them to see what matters."""

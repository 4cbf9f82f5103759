"""The figures of a report, each a function from results to inline SVG."""

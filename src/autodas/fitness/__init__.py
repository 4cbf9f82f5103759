"""How well a score orders architectures, told honestly.

correlation (rank correlations with stated rules for ties and gaps), tau (the same for many scores
against one truth, in microseconds).
"""

from autodas.fitness.correlation import Correlation, Measure, correlate, gaps_last
from autodas.fitness.tau import TauAgainst

__all__ = ["Correlation", "Measure", "TauAgainst", "correlate", "gaps_last"]

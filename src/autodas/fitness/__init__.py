"""How well a score orders architectures, told honestly.

correlation (rank correlations with stated rules for ties and gaps, also of many scores with one
truth in microseconds), bootstrap (intervals), size_control (what is left when size is accounted
for), regret (accuracy lost by choosing with a score), top (what its favourites are worth), measures
(all of these by name), discoveries (many comparisons at once), pairs (of student and teacher, by
what is compared), combine (sums of formulas), unseen_spaces (what a term is worth where it was not
fitted), objective (the fitness of a proxy over several families), row (all of it, for one row of a
table).
"""

from autodas.fitness.bootstrap import Interval
from autodas.fitness.combine import Combination, FamilyFeatures, boosted, simplest
from autodas.fitness.correlation import Correlation, Measure, TauAgainst, correlate, gaps_last
from autodas.fitness.discoveries import controlled, false_discovery_rates, two_sided_p
from autodas.fitness.goodness import Goodness
from autodas.fitness.lost import lost_by_top, lost_on_average
from autodas.fitness.measures import MEASURES, check_measure
from autodas.fitness.objective import Fitness, Goal, Objective
from autodas.fitness.pairs import COMPARISONS, PairGoodness, PairIntervals, variance_shares
from autodas.fitness.regret import Choice, Regret, budgets_of, expected_best, top1_regret
from autodas.fitness.row import Row, Yardstick
from autodas.fitness.size_control import BeyondSize, BinnedTau, tau_given_size, tau_within_bins
from autodas.fitness.top import DEFAULT_TOP, Top, top_of_list
from autodas.fitness.unseen_spaces import Unseen

__all__ = [
    "COMPARISONS",
    "DEFAULT_TOP",
    "MEASURES",
    "BeyondSize",
    "BinnedTau",
    "Choice",
    "Combination",
    "Correlation",
    "FamilyFeatures",
    "Fitness",
    "Goal",
    "Goodness",
    "Interval",
    "Measure",
    "Objective",
    "PairGoodness",
    "PairIntervals",
    "Regret",
    "Row",
    "TauAgainst",
    "Top",
    "Unseen",
    "Yardstick",
    "boosted",
    "budgets_of",
    "check_measure",
    "controlled",
    "correlate",
    "expected_best",
    "false_discovery_rates",
    "gaps_last",
    "lost_by_top",
    "lost_on_average",
    "simplest",
    "tau_given_size",
    "tau_within_bins",
    "top1_regret",
    "top_of_list",
    "two_sided_p",
    "variance_shares",
]

"""The language of proxies: typed expressions over statistics with one scalar per network.

An expression is an immutable, hashable value. It is written and read as text or JSON, typed
against the statistics at hand, evaluated for all architectures at once, grown at random from a
grammar that knows no dead ends, and varied by mutation and crossover.
"""

from autodas.expressions.draw import LeafKind, to_dot, to_svg
from autodas.expressions.evaluate import Evaluator, is_constant
from autodas.expressions.grammar import Grammar, Production, Symbol
from autodas.expressions.grammar_rules import OVER_TEACHERS, RULES, Rule
from autodas.expressions.grow import grow
from autodas.expressions.mutation import MUTATIONS, crossover, mutate
from autodas.expressions.node import (
    MAX_DEPTH,
    MAX_NODES,
    Call,
    Expression,
    Leaf,
    at,
    check_limits,
    replace,
    walk,
)
from autodas.expressions.observed import observed_rules
from autodas.expressions.prose import in_words, to_latex
from autodas.expressions.simplify import LAWS, Law, canonical, simplify
from autodas.expressions.text import MAX_LENGTH, from_json, parse, to_json, to_text
from autodas.expressions.tremble import trembling
from autodas.expressions.types import annotate, type_of

__all__ = [
    "LAWS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_NODES",
    "MUTATIONS",
    "OVER_TEACHERS",
    "RULES",
    "Call",
    "Evaluator",
    "Expression",
    "Grammar",
    "Law",
    "Leaf",
    "LeafKind",
    "Production",
    "Rule",
    "Symbol",
    "annotate",
    "at",
    "canonical",
    "check_limits",
    "crossover",
    "from_json",
    "grow",
    "in_words",
    "is_constant",
    "mutate",
    "observed_rules",
    "parse",
    "replace",
    "simplify",
    "to_dot",
    "to_json",
    "to_latex",
    "to_svg",
    "to_text",
    "trembling",
    "type_of",
    "walk",
]

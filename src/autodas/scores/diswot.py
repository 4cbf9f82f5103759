"""DisWOT's two hand-made metrics and their sum.

Dong, Li and Wei, "DisWOT: Student Architecture Search for Distillation WithOut Training", CVPR
2023. Both compare an untrained student with the teacher on one batch:

* *relation*: minus the squared distance of the row-normalised B × B Grams of the last features;
* *semantic*: minus the squared distance of the row-normalised K × K Grams of the gradient of
  the cross-entropy at the last layer's weight.

The squared distances are means over matrix entries, which makes the sum well defined for any
batch size and number of classes.
"""

from __future__ import annotations

from autodas.scores.score import SCORES, of_expression

__all__: list[str] = []

REFERENCE = "Dong et al., CVPR 2023"
RELATION = "neg(layers_last(gram_distance))"
SEMANTIC = "neg(class_gradient_distance)"

for _name, _formula, _what in (
    ("diswot_relation", RELATION, "similarity of the samples' relations at the last stage"),
    ("diswot_semantic", SEMANTIC, "similarity of the classes' relations in the last gradient"),
    ("diswot", f"add({RELATION}, {SEMANTIC})", "sum of relation and semantic similarity"),
):
    SCORES.add(_name, of_expression(_name, _formula, _what, REFERENCE))

"""Run directories of the shape the pipeline writes, filled with invented but plausible numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autodas.core.files import write_json, write_text
from autodas.core.rng import derive
from autodas.core.runs import environment, to_toml

SCORES = ("proxy", "params", "macs", "depth", "diswot_relation", "diswot_semantic", "diswot")
SPACES = ("digits-cnn", "digits-vit")
FORMULA = (
    "sub(log(mean_over_layers(l2(weight_grad))), "
    "sum_over_stages(cosine(sample_gram, teacher_sample_gram)))"
)
LATEX = r"\log \overline{\Vert g_W \Vert_2} - \sum_{\mathrm{stage}} \cos(G, G^{T})"


def interval(value: float, half: float) -> tuple[float, float]:
    return max(-1.0, value - half), min(1.0, value + half)


def row(space: str, score: str, tau: float, reference: float) -> dict[str, Any]:
    """A row of the honest table."""
    low, high = interval(tau, 0.11)
    given_size = 0.6 * (tau - 0.2)
    size_low, size_high = interval(given_size, 0.18)
    delta = tau - reference
    return {
        "score": score,
        "space": space,
        "target": "distilled",
        "n": 32,
        "tau": tau,
        "tau_low": low,
        "tau_high": high,
        "rho": min(1.0, tau * 1.25),
        "tau_given_size": given_size,
        "tau_given_size_low": size_low,
        "tau_given_size_high": size_high,
        "tau_within_bins": 0.5 * (tau - 0.1),
        "delta_params": delta,
        "delta_params_low": delta - 0.07,
        "delta_params_high": delta + 0.07,
        "top": {
            **{"k": 10, "ndcg": 0.4 + tau / 2, "precision": 0.3, "best": 95.25 + tau},
            **{"regret": 1.5 - tau, "random": 4.25},
        },
        "seconds_per_arch": 0.013 if score not in {"params", "macs", "depth"} else 0.0004,
    }


def scatter(space: str, seed: int) -> dict[str, Any]:
    rng = derive(seed, "scatter", space)
    params = np.exp(rng.uniform(np.log(3e3), np.log(9e4), 96))
    accuracy = 88 + 2.6 * np.log(params / 3e3) + rng.normal(0, 1.1, 96)
    score = accuracy + rng.normal(0, 1.3, 96)
    parts = ["search"] * 48 + ["validation"] * 16 + ["report"] * 32
    return {
        "space": space,
        "target": "distilled",
        "architectures": [f"a-{i}" for i in range(96)],
        "accuracy": np.round(accuracy, 3).tolist(),
        "score": score.tolist(),
        "params": params.round().tolist(),
        "part": parts,
    }


def history(generations: int) -> list[dict[str, Any]]:
    rng = derive(0, "history")
    best = np.maximum.accumulate(
        0.75 - 0.45 * np.exp(-np.arange(generations) / 9) + 0.02 * rng.normal(size=generations)
    )
    return [
        {
            "generation": g,
            "best": float(best[g]),
            "median": float(best[g] - 0.25 * np.exp(-g / 15) - 0.05 * rng.random()),
            "elite_ratio": 0.5 - 0.4 * g / (generations - 1),
            "diversity": float(0.35 + 0.65 * np.exp(-g / 12)),
            "failures": int(rng.integers(0, 4)),
        }
        for g in range(generations)
    ]


def discover() -> dict[str, Any]:
    """Results of ``discover``: better than #params on one space, not on the other."""
    taus = {
        "digits-cnn": dict(zip(SCORES, (0.78, 0.61, 0.52, 0.33, 0.41, 0.18, 0.44), strict=True)),
        "digits-vit": dict(zip(SCORES, (0.66, 0.64, 0.66, 0.12, 0.21, 0.3, 0.28), strict=True)),
    }
    rows = [row(s, name, t, taus[s]["params"]) for s in SPACES for name, t in taus[s].items()]
    return {
        "command": "discover",
        "seed": 0,
        "seconds": {"measure": 12.3, "evolve": 20.1, "total": 33.0},
        "networks_measured": 192,
        "evaluations": 2000,
        "distinct": 1742,
        "failures": {"constant score": 12, "not finite": 3},
        "pairs": [
            {
                "space": space,
                "table": space,
                "target": "distilled",
                "n_search": 48,
                "n_validation": 16,
                "n_report": 32,
                "label_tau": 0.81,
                "label_rho": 0.93,
            }
            for space in SPACES
        ],
        "proxy": {
            "text": FORMULA,
            "latex": LATEX,
            "nodes": 9,
            "leaves": ["sample_gram", "teacher_sample_gram", "weight_grad"],
            "search_tau": 0.74,
            "validation_tau": 0.7,
        },
        "history": history(40),
        "rows": rows,
        "scatter": [scatter(space, 1) for space in SPACES],
        "verdict": [
            "On digits-cnn the proxy beats #params (difference 0.17, 95 % interval 0.10 to 0.24).",
            "On digits-vit the proxy does not beat #params (difference 0.02, 95 % interval "
            "-0.05 to 0.09).",
        ],
    }


def _student(arch: str, score: float, params: int) -> dict[str, Any]:
    return {"arch": arch, "score": score, "params": params, "macs": params * 46}


def search(space: str) -> dict[str, Any]:
    """Results of ``search`` under a budget of 20 000 parameters."""
    rng = derive(2, "search", space)
    params = np.exp(rng.uniform(np.log(2.5e3), np.log(2e4), 400)).round()
    score = np.log(params) + rng.normal(0, 0.35, 400)
    return {
        "command": "search",
        "space": space,
        "score": "proxy:runs/demo/discover/proxy.json",
        "budgets": {"max_params": 20000},
        "size": 729,
        "within_budget": 400,
        "networks_measured": 352,
        "seconds": 11.0,
        "students": [
            _student(f'{{"depth":[2,1,{i}]}}', 10.5 - i / 5, 18_900 - 400 * i) for i in range(5)
        ],
        "largest": _student('{"depth":[3,3,3]}', 9.7, 19_968),
        "random": [
            _student(f'{{"depth":[1,{i},1]}}', 8.2 + i / 7, 6200 + 900 * i) for i in range(3)
        ],
        "points": {"params": params.tolist(), "score": score.tolist()},
        "verdict": [f"Of 729 architectures of {space}, 400 fit the budget."],
    }


def distill(space: str) -> dict[str, Any]:
    """Results of ``distill`` with three seeds each."""
    rng = derive(3, "distill", space)
    roles = {"chosen": 96.3, "largest": 95.6, "random 1": 94.2, "random 2": 93.1, "random 3": 94.9}

    def student(role: str, mean: float) -> dict[str, Any]:
        accuracies = (mean + rng.normal(0, 0.35, 3)).tolist()
        curve = mean - 85 * np.exp(-np.arange(30) / 5)
        return {
            "role": role,
            "arch": '{"depth":[2,1,0]}',
            "params": 18_900,
            "macs": 870_000,
            "accuracies": accuracies,
            "accuracy": float(np.mean(accuracies)),
            "vanilla": (mean - 1.2 + rng.normal(0, 0.4, 3)).tolist(),
            "history": [
                {"epoch": e, "loss": float(2.2 * np.exp(-e / 7)), "accuracy": float(a)}
                for e, a in enumerate(curve)
            ],
        }

    students = [student(role, mean) for role, mean in roles.items()]
    return {
        "command": "distill",
        "space": space,
        "teacher": f"{space}-teacher",
        "teacher_accuracy": 98.1,
        "data": "digits",
        "recipe": {"name": "digits-cnn-short", "epochs": 30, "optimizer": "sgd"},
        "seeds": 3,
        "accuracy": students[0]["accuracy"],
        "student_path": "student.safetensors",
        "seconds": 20.0,
        "students": students,
        "confusion": {
            "classes": [[48, 50], [40, 50], [0, 0], [49, 49]],
            "mistaken": [[1, 0, 7], [1, 3, 3], [0, 1, 2]],
        },
        "class_names": ["daisy", "tulip", "absent", "a name that is longer than an axis"],
        "verdict": [
            f"On {space} the chosen student is 0.7 points better than the largest that fits."
        ],
    }


def collapse(space: str = "digits-cnn") -> dict[str, Any]:
    """A collapse check in which the teacher's terms do next to nothing."""
    taus = {
        "shuffled labels": 0.97,
        "another batch": 0.95,
        "noise for images": 0.61,
        "another init seed": 0.58,
        "another teacher": None,
        "without the teacher's terms": 0.98,
    }
    fit = {"rank_r2": 0.912, "value_r2": 0.874, "chance": 0.09}
    return {
        "score": "proxy",
        "space": space,
        "architectures": 64,
        "variants": [
            {"name": name, "tau": tau, "note": "" if tau is not None else "cannot be used"}
            for name, tau in taus.items()
        ],
        "single": {"names": ["Σ √numel·ln(channels)"], **fit},
        "pair": {"names": ["Σ √numel", "depth"], **fit, "rank_r2": 0.931},
        "failed": "",
        "verdict": "size",
        "sentence": f"On {space} (64 architectures): explained to R² 0.91 by "
        "Σ √numel·ln(channels); the teacher's terms change the order by τ 0.02.",
    }


def explain() -> dict[str, Any]:
    """Results of ``explain`` for a formula of two terms."""
    rng = derive(4, "explain")
    params = np.exp(rng.uniform(8, 11, 40)).round()
    score = np.log(params) + rng.normal(0, 0.3, 40)

    def term(text: str, tau: float, *, teacher: bool) -> dict[str, Any]:
        names = ("stage 1", "stage 2", "stage 3")
        return {
            "text": text,
            "words": text,
            "weight": 1.0,
            "sees_teacher": teacher,
            "spread": 0.5 if teacher else 12.0,
            "tau_alone": tau,
            "tau_without": 0.8 - tau,
            "shapley": tau / 2,
            "parts": [
                {"name": name, "alone": tau - i / 10, "without": None if i else tau}
                for i, name in enumerate(names)
            ]
            if teacher
            else [],
            "no_parts": "" if teacher else "it has no mean, sum or extreme over stages or layers",
        }

    return {
        "command": "explain",
        "score": "proxy:runs/demo/discover/proxy.json",
        "formula": {
            "text": FORMULA,
            "words": "logarithm of the mean over layers minus something",
            "latex": LATEX,
            "nodes": 9,
            "leaves": [
                {"name": "weight_grad", "description": "Gradients.", "sees": "student"},
                {"name": "cka", "description": "Alignment.", "sees": "teacher"},
            ],
        },
        "simplified": [{"before": "abs(abs(x))", "after": "abs(x)", "removed_nodes": 1}],
        "graph": "graph.svg",
        "space": "digits-cnn",
        "table": "digits-cnn",
        "target": "distilled",
        "n": 40,
        "protocol": {"data": "digits"},
        "tau": 0.71,
        "terms": [term("log(x)", 0.6, teacher=False), term("−1·cka(y)", 0.3, teacher=True)],
        "size": {
            "params": {"tau": 0.78, "rho": 0.9},
            "macs": {"tau": 0.6, "rho": 0.7},
            "depth": {"tau": None, "rho": None},
            "fifths": [{"params": 1000.0 * 2**i, "score": 8.0 + i / 2} for i in range(5)],
        },
        "points": {
            "architectures": [f"a-{i}" for i in range(40)],
            "params": params.tolist(),
            "score": score.tolist(),
            "accuracy": (90 + score).tolist(),
        },
        "collapse": collapse(),
        "networks_measured": 200,
        "seconds": 12.0,
        "verdict": [collapse()["sentence"]],
    }


def _regret(score: str, lost: float) -> list[dict[str, Any]]:
    top = {"k": 2, "accuracy": 94.9, "regret": lost / 2, "largest": 94.0, "random": 92.0}
    return [
        {
            "budget": 5000 * 2**i,
            "n": 16 * (i + 1),
            "oracle": 92.0 + i,
            "chosen": f"{score}-{i}",
            "ties": 1,
            "accuracy": 92.0 + i - lost / (i + 1),
            "regret": lost / (i + 1),
            "largest": 91.1 + i,
            "random": 88.2 + i,
            "top5": top,
        }
        for i in range(4)
    ]


def benchmark() -> dict[str, Any]:
    """Results of ``benchmark`` with everything that its rows may hold."""
    rows = []
    for number, found in enumerate(discover()["rows"]):
        seeds = {"seeds": 5, "tau_mean": 0.6, "tau_sd": 0.03, "tau_low": 0.55, "tau_high": 0.64}
        stable = {**seeds, "agreement": 0.87, "failed": 0}
        rows.append(
            {
                **found,
                "table": found["space"],
                "weighted_tau": found["tau"] + 0.05,
                "weighted_tau_low": found["tau"] - 0.05,
                "weighted_tau_high": found["tau"] + 0.15,
                "seconds_alone": False,
                "regret": _regret(found["score"], 0.4 + number / 10),
                "stability": {"init": stable, "batch": None} if number % 2 else None,
            }
        )
    return {
        "command": "benchmark",
        "rows": rows,
        "pairs": [{**pair, "size": 128} for pair in discover()["pairs"]],
        "seconds": 4.0,
        "networks_measured": 12,
        "verdict": [],
    }


def ablation() -> dict[str, Any]:
    """Results of ``discover --ablate`` with one variant that failed."""

    def row_of(variant: str, table: str | None, tau: float | None) -> dict[str, Any]:
        ends = (None, None) if tau is None else interval(tau, 0.05)
        return {
            "study": "selection",
            "variant": variant,
            "table": table,
            "target": None if table is None else "distilled",
            "held_out": table == "digits-vit",
            "seeds": [] if tau is None else [0, 1, 2],
            "n": 32,
            "n_search": 48,
            "tau": tau,
            "tau_low": ends[0],
            "tau_high": ends[1],
            "tau_all": None,
            "tau_given_size": 0.2,
            "search_tau": 0.7,
            "validation_tau": None,
            "nodes": 9.5 if tau is not None else None,
            "evaluations": 2000,
            "delta": None if tau is None else tau - 0.6,
            "delta_low": None if tau is None else tau - 0.7,
            "delta_high": None if tau is None else tau - 0.5,
            "deltas": {},
            "taus": {},
            "failed": {"0": "no formula"} if tau is None else {},
        }

    rows = [row_of("adaptive", "digits-cnn", 0.6), row_of("random", "digits-cnn", 0.5)]
    rows += [row_of("adaptive", "digits-vit", 0.55), row_of("fixed", None, None)]
    return {
        "command": "ablate",
        "asked": "autodas discover --ablate selection",
        "studies": {"selection": "How parents are chosen."},
        "discoveries": 9,
        "networks_measured": 0,
        "rows": rows,
        "seconds": 60.0,
        "verdict": ["selection: mean τ 0.58 with adaptive; random −0.10 (worse)."],
    }


def pareto(space: str) -> dict[str, Any]:
    """Results of ``search --pareto params`` on a table."""
    found = search(space)
    front = [_student(f"front-{i}", 10.5 - i / 5, 18_900 - 1400 * i) for i in range(12)]
    regret = {"table": space, "target": "distilled", "n": 40, "oracle": 95.0, "chosen": 94.2}
    return found | {
        "students": [{**student, "memory": 4096 + i} for i, student in enumerate(front)],
        "pareto": "params",
        "regret": {**regret, "largest": 93.5, "random": 90.0, "regret": 0.8},
    }


LONG = '{"depth":[2,1,0],"width":[16,4,16],"kernel":[3,5,7],"ratio":[0.25,0.5,1.0]}'
"""An architecture longer than a phone's line is wide."""


def contest(rungs: int = 2) -> dict[str, Any]:
    """A contest of six ways on one or two rungs, or two of which the last is of both seeds.

    One fails, and labels alone win with another student.
    """
    archs = (LONG, '{"depth":[1,1,1]}', '{"depth":[3,1,1]}')
    arms = [{"arch": arch, "teachers": way} for arch in archs for way in (["digits-teacher"], [])]

    def result(arm: int, loss: float) -> dict[str, Any]:
        known = {"accuracy": 100 - 25 * loss, "calibrated_cross_entropy": loss, "reason": None}
        return {"arm": arm, "kd_loss": None if arm % 2 else 9.25, "seconds": 0.5, **known}

    nothing = dict.fromkeys(("accuracy", "calibrated_cross_entropy", "kd_loss", "seconds"))
    losses = {0: 1.25, 1: 1.5, 2: 1.75, 3: 1.375, 5: 2.0}
    first = [result(arm, loss) for arm, loss in losses.items()]
    first.insert(4, {"arm": 4, **nothing, "reason": "the loss is not finite"})
    last = [result(0, 0.875), result(3, 0.625)]
    tried = [
        {"fidelity": "1/9", "cost": 0.667, "results": first, "promoted": [0, 3]},
        {"fidelity": "1/3", "cost": 0.667, "results": last, "promoted": [3]},
    ]
    if rungs == 1:
        tried = [tried[0] | {"promoted": [0]}]
    if rungs == 3:
        both = [result(3, 0.75), result(0, 1.125)]
        tried.append(tried[1] | {"again": True, "results": both})
        tried[1] = tried[1] | {"promoted": [3, 0]}
    return {
        "trainings": 3.0,
        "decided_by": "cross-entropy on the validation part",
        "arms": arms,
        "rungs": tried,
        "winner": 0 if rungs == 1 else 3,
        "first": 0,
        "cost": 1.333,
        "doubts": [{"arm": 0, "chance": 0.125}],
        "seconds": 3.5,
    }


def duelled() -> dict[str, Any]:
    """Two students with their teacher on one rung; the winner is better from labels alone."""
    found = contest(rungs=1)
    arms = [found["arms"][0], found["arms"][2], found["arms"][3]]
    by_number = {each["arm"]: each for each in found["rungs"][0]["results"]}
    rung = [by_number[0] | {"arm": 0}, by_number[2] | {"arm": 1, "calibrated_cross_entropy": 1.125}]
    duel = [
        by_number[2] | {"arm": 1, "calibrated_cross_entropy": 0.5, "accuracy": 88.0},
        by_number[3] | {"arm": 2, "calibrated_cross_entropy": 0.25, "accuracy": 91.5},
    ]
    return found | {
        "arms": arms,
        "rungs": [
            found["rungs"][0] | {"results": rung, "promoted": [1]},
            {"fidelity": "1", "duel": True, "cost": 2.0, "results": duel, "promoted": [2]},
        ],
        "winner": 2,
        "doubts": [{"arm": 1, "chance": 0.25}],
        "cost": 2.667,
    }


def contested(space: str) -> dict[str, Any]:
    """Results of ``search`` whose finalists were tried: the fourth by the score was chosen."""
    found = search(space)
    best = _student(LONG, 10.5, 18_900)
    chosen = _student('{"depth":[1,1,1]}', 10.0, 12_345)
    others = [_student(f'{{"depth":[2,2,{i}]}}', 10.4 - i / 10, 17_000 + i) for i in range(12)]
    found["points"]["params"][:4] = [18_900, 17_000, 17_001, 12_345]
    found["points"]["score"] = [10.5, 10.4, 10.3, 10.0] + [9.0 - i / 100 for i in range(396)]
    return found | {
        "students": [best, *others],
        "contest": contest(),
        "chosen": chosen | {"taught": False},
        "finalists": [],
        "why": ["No score was named.", "Of 6 ways to get a student, one won.", "It is not sure."],
    }


def untaught(space: str) -> dict[str, Any]:
    """Results of ``distill`` whose chosen student is better without the teacher."""
    found = distill(space)
    chosen, *others = found["students"]
    without, with_teacher = [96.0, 96.2, 96.4], [95.0, 95.3, 95.3]
    chosen |= {"taught": False, "accuracies": without, "accuracy": 96.2, "vanilla": without}
    chosen |= {"with_teacher": with_teacher}
    chosen["gain"] = {"mean": -1.0, "seeds": 3, "low": -1.25, "high": -0.75}
    for each in others:
        each |= {"taught": True, "vanilla": None, "with_teacher": each["accuracies"], "gain": None}
    return found | {"students": [chosen, *others], "accuracy": 96.2}


def write_run(path: Path, results: dict[str, Any], config: dict[str, Any] | None = None) -> Path:
    """A run directory that holds ``results``."""
    command = results["command"]
    write_text(path / "config.toml", to_toml({"command": command, **(config or {"seed": 0})}))
    write_json(path / "environment.json", environment())
    write_json(path / "results.json", results)
    return path


def write_demo(path: Path) -> Path:
    """A demo with all its parts."""
    parts = {"search": [f"search-{s}" for s in SPACES], "distill": [f"distill-{s}" for s in SPACES]}
    write_run(path / "discover", discover(), {"seed": 0, "generations": 40, "spaces": list(SPACES)})
    for space in SPACES:
        write_run(path / f"search-{space}", search(space), {"space": space, "max_params": 20000})
        write_run(path / f"distill-{space}", distill(space), {"space": space, "seeds": 3})
    demo = {"command": "demo", "discover": "discover", **parts, "seconds": 95.0}
    return write_run(path, demo, {"out": str(path), "seed": 0, "jobs": 2})

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
        "verdict": [
            f"On {space} the chosen student is 0.7 points better than the largest that fits."
        ],
    }


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

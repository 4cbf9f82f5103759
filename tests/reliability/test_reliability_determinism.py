"""The same seed gives the same bytes, whoever does the work and whatever is remembered."""

import pytest
from compare import content

from autodas.steps.discover import dispatch as discover
from autodas.steps.discover.dispatch import DiscoverConfig
from autodas.steps.distill import run as distill
from autodas.steps.distill.run import DistillConfig

SHORT = {"tables": ("digits-cnn",), "limit": 12, "population": 8, "generations": 4}
FILES = ("config.toml", "proxy.json", "results.json")
VIT = '{"depth":1,"heads":1,"mlp_ratio":0.5,"width":12}'


def outcome(folder):
    return [content(folder / name) for name in FILES]


def test_a_discovery_from_cold_and_warm_caches_with_and_without_memory(tmp_path):
    cold, warm = tmp_path / "cold", tmp_path / "warm"
    found = []
    for name, cache, memory in (
        ("a", warm, "512MB"),
        ("b", warm, "512MB"),
        ("c", warm, "0"),
        ("d", cold, "0"),
    ):
        config = DiscoverConfig(out=tmp_path / name, cache=cache, memory=memory, jobs=1, **SHORT)
        discover.run(config)
        found.append(outcome(tmp_path / name))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.slow
def test_a_discovery_by_one_and_two_processes(tmp_path):
    # Enough networks that they are dealt to processes at all.
    for jobs in (1, 2):
        options = {**SHORT, "limit": 60, "jobs": jobs, "cache": tmp_path / f"cache{jobs}"}
        discover.run(DiscoverConfig(out=tmp_path / str(jobs), **options))
    assert outcome(tmp_path / "1") == outcome(tmp_path / "2")


def test_a_student_by_one_and_two_processes(tmp_path):
    for jobs in (1, 2):
        config = DistillConfig(
            out=tmp_path / str(jobs),
            space="digits-vit",
            arch=VIT,
            data="digits/50",
            epochs=2,
            seeds=2,
            vanilla=False,
            jobs=jobs,
        )
        distill.run(config)
    for name in ("config.toml", "student.safetensors", "student.json", "results.json"):
        assert content(tmp_path / "1" / name) == content(tmp_path / "2" / name)

"""``autodas doctor`` explains what is missing and never fails."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from autodas.cli import doctor
from autodas.cli.doctor import DoctorConfig, run
from autodas.cli.main import main


def test_a_complete_machine(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["packages"]["torch"] == metadata.version("torch")
    assert found["packages"]["scikit-learn"]
    assert "pytest" not in found["packages"]
    assert found["torch"]["problem"] is None
    assert found["machine"]["usable_cores"] >= 1
    assert "dev" in found["extras"]


def test_people_get_lines() -> None:
    lines = run(DoctorConfig())["summary"]
    assert [line.split()[0] for line in lines[:4]] == ["autodas", "Python", "machine", "PyTorch"]


def test_a_missing_package_and_extra_come_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in {"safetensors", "ray"}:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    requirements = ["torch>=2.4", "safetensors>=0.4", 'ray>=2; extra == "ray"', "a; extra == 'b'"]
    monkeypatch.setattr(metadata, "requires", lambda name: requirements)
    monkeypatch.setattr(metadata, "version", version)
    found = run(DoctorConfig())
    assert found["packages"] == {"torch": "1.0", "safetensors": None}
    assert found["extras"] == {"ray": ["ray"], "b": []}
    assert "safetensors is missing: pip install safetensors" in found["advice"]
    assert any('lacks ray: pip install "autodas[ray]"' in line for line in found["summary"])


@pytest.mark.parametrize("absent", [True, False])
def test_a_broken_torch_is_explained(monkeypatch: pytest.MonkeyPatch, absent: bool) -> None:
    if absent:
        monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    else:
        monkeypatch.setitem(__import__("sys").modules, "torch", None)
        monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: object())
    found: dict[str, Any] = run(DoctorConfig())
    assert found["torch"]["problem"]
    assert any("PyTorch cannot be used" in line for line in found["advice"])


@pytest.mark.parametrize(
    ("torch", "remedy"),
    [
        (
            "2.9.0+cpu",
            "torchvision torch==2.9.0+cpu --index-url https://download.pytorch.org/whl/cpu",
        ),
        ("2.9.0+cu126", "torch==2.9.0+cu126 --index-url https://download.pytorch.org/whl/cu126"),
        ("2.9.0", "pip install --force-reinstall torchvision torch==2.9.0"),
    ],
)
def test_a_timm_that_scripts_cannot_import_comes_with_a_remedy(
    torch: str, remedy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator nms does not exist')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    versions = {"timm": "1.0.9"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    monkeypatch.setattr(doctor, "_torch", lambda: {"version": torch, "problem": None})
    found = run(DoctorConfig())
    (advice,) = [line for line in found["advice"] if "timm" in line]
    assert "operator nms does not exist" in advice
    assert advice.endswith(remedy)
    assert "timm      1.0.9, torchvision MISSING, not to be imported" in found["summary"]
    (tmp_path / "timm.py").write_text("")
    found = run(DoctorConfig())
    assert not any("timm" in line for line in found["advice"])
    assert "timm      1.0.9, torchvision MISSING" in found["summary"]


def test_data_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    (tmp_path / "teachers").mkdir()
    (tmp_path / "teachers" / "t1.safetensors").write_text("")
    (tmp_path / "pit_kd.json").write_text("[]")
    (tmp_path / "README.md").write_text("about the data")
    found = run(DoctorConfig())
    assert found["data"]["files"] == ["pit_kd.json"]
    assert found["data"]["teachers"] == ["t1"]
    assert found["tables"]["pit"] == str(tmp_path / "pit_kd.json")
    assert found["tables"]["s0"] is None
    (line,) = [line for line in found["summary"] if line.startswith("tables")]
    assert "pit" in line.split(";")[0]
    assert "autodas fetch gets s0" in line


def test_a_wrong_data_folder_is_advice_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path / "absent"))
    found = run(DoctorConfig())
    assert any("absent" in line for line in found["advice"])
    assert found["tables"] == {}


def test_the_cache_is_measured(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 2048)
    found = run(DoctorConfig(cache=tmp_path))
    assert found["cache"] == {"folder": str(tmp_path), "files": 1, "bytes": 2048}
    assert any("1 files, 2 KiB" in line for line in found["summary"])

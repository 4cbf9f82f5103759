"""What a worker of Ray is told by the driver, and does before its first unit."""

import platform
import sys
from importlib import metadata
from pathlib import Path

import pytest

from autodas.backends import ray_unit
from autodas.core.results import Ok


@pytest.fixture(autouse=True)
def _forget():
    ray_unit._settle.cache_clear()
    yield
    ray_unit._settle.cache_clear()


def folder_of(_):
    return Path.cwd()


@pytest.mark.parametrize("there", [True, False])
def test_a_unit_runs_in_the_folder_of_the_driver_if_the_node_has_it(tmp_path, monkeypatch, there):
    folders = [tmp_path.resolve() / name for name in ("driver", "node")]
    for each in folders:
        each.mkdir()
    monkeypatch.chdir(folders[0])
    setting = ray_unit.Setting.here(folder_of)
    monkeypatch.chdir(folders[1])
    if not there:
        folders[0].rmdir()
    assert ray_unit.execute(setting, 0) == Ok(folders[0 if there else 1])


def test_workers_import_from_where_the_driver_does_but_packages_from_their_own(
    tmp_path, monkeypatch
):
    packages = str(Path(sys.prefix, "lib", "site-packages"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), packages])
    assert ray_unit.environment()["PYTHONPATH"] == str(tmp_path.resolve())


@pytest.mark.parametrize("name", ["python", "link"])
def test_a_folder_whose_name_begins_like_that_of_python_is_the_users_own(
    tmp_path, monkeypatch, name
):
    tmp_path = tmp_path.resolve()
    (tmp_path / "python").mkdir()
    (tmp_path / "link").symlink_to("python")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / name))
    packages, own = tmp_path / name / "packages", tmp_path / f"{name}-work"
    monkeypatch.setattr(sys, "path", [str(packages), str(own)])
    assert ray_unit.environment()["PYTHONPATH"] == str(own)


def test_another_patch_of_python_computes_the_same(monkeypatch):
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "12", "99"))
    assert ray_unit.versions()[0] == ("Python", "3.12")


def test_what_is_not_installed_has_an_unknown_version(monkeypatch):
    def version(name):
        if name == "autodas":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    assert dict(ray_unit.versions())["autodas"] == "unknown"
    assert dict(ray_unit.versions())["torch"] == "1.0"

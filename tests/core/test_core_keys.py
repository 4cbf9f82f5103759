"""A key means one value: other content, source text or version is another key."""

from importlib import metadata

import pytest

from autodas.core.keys import key_of, source_of


@pytest.fixture
def package(tmp_path):
    (tmp_path / "room" / "inner").mkdir(parents=True)
    for name in ("room/a.py", "room/inner/b.py", "room/notes.txt", "alone.py", "other.py"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize("name", ["room/a.py", "room/inner/b.py", "alone.py"])
def test_source_text_of_folders_and_files_decides_a_digest(package, name):
    before = source_of("room", "alone.py", package=package)
    (package / name).write_text("x = 1\n")
    after = source_of("room", "alone.py", package=package)
    assert after != before
    (package / name).replace(package / "room" / "elsewhere.py")
    (package / name).write_text("")
    assert source_of("room", "alone.py", package=package) not in (before, after)


@pytest.mark.parametrize("name", ["other.py", "room/notes.txt"])
def test_what_is_no_source_text_of_the_parts_decides_nothing(package, name):
    before = source_of("room", "alone.py", package=package)
    (package / name).write_text("x = 1\n")
    assert source_of("room", "alone.py", package=package) == before
    assert source_of("alone.py", "room", package=package) == before


def test_a_part_that_is_not_there_is_no_empty_one(package):
    with pytest.raises(FileNotFoundError):
        source_of("room", "absent.py", package=package)


def test_every_part_of_a_key_decides():
    keys = [
        key_of("a"),
        key_of("b"),
        key_of("a", "b"),
        key_of("a", code=["core/keys.py"]),
        key_of("a", code=["core/digest.py"]),
        key_of("a", packages=["numpy"]),
        key_of("a", packages=["torch"]),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of("a", code=["core/keys.py"], packages=["numpy"]) == key_of(
        "a", code=["core/keys.py"], packages=["numpy"]
    )


def test_a_package_that_is_not_installed_has_a_key_as_well():
    absent = "no-package-of-this-name"
    with pytest.raises(metadata.PackageNotFoundError):
        metadata.version(absent)
    assert key_of("a", packages=[absent]) == key_of("a", packages=[absent]) != key_of("a")

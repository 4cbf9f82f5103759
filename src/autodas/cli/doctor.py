"""``autodas doctor``: what is installed, what is found, what is missing and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from autodas import __version__
from autodas.core.errors import AutodasError
from autodas.core.places import CACHE_VARIABLE, DATA_VARIABLE, cache_folder, data_folder
from autodas.core.progress import Progress, Silent

__all__ = ["Config", "DoctorConfig", "run"]

REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)[^;]*(;.*extra == ['\"](?P<extra>[^'\"]+))?")
WEIGHTS = "*.safetensors"


@dataclass(frozen=True)
class DoctorConfig:
    """What to look at."""

    cache: Path | None = None
    """Folder of the statistics cache, if not the usual one."""


Config = DoctorConfig


def run(config: DoctorConfig, progress: Progress = Silent()) -> dict[str, Any]:  # noqa: ARG001
    """Look at this machine; never fails, since its purpose is to explain failures.

    Returns:
        ``machine``, ``packages`` (name -> version or null), ``extras`` (name -> what is missing
        of it), ``torch``, ``timm``, ``data``, ``tables`` (name -> file or null), ``cache``, and
        ``advice``: what to do, if anything.
    """
    packages, extras = _packages()
    found: dict[str, Any] = {
        "autodas": __version__,
        "machine": _machine(),
        "packages": packages,
        "extras": extras,
        "torch": _torch(),
        "timm": _timm(),
        "data": _data(),
        "tables": _tables(),
        "cache": _cache(config.cache),
    }
    found["advice"] = _advice(found)
    return {**found, "summary": _lines(found)}


def _machine() -> dict[str, Any]:
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "memory_bytes": memory,
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS"),
    }


def _packages() -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """Versions of what is required, and what each extra lacks, as the package itself says."""
    packages: dict[str, str | None] = {}
    extras: dict[str, list[str]] = {}
    try:
        requirements = metadata.requires("autodas") or []
    except metadata.PackageNotFoundError:
        return packages, extras
    for requirement in requirements:
        if match := REQUIREMENT.match(requirement):
            version = _version(match["name"])
            if match["extra"] is None:
                packages[match["name"]] = version
            else:
                missing = extras.setdefault(match["extra"], [])
                missing += [] if version else [match["name"]]
    return packages, extras


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return {"version": None, "problem": "not installed"}
    try:
        import torch
    except (ImportError, OSError) as error:
        # A build for other hardware, or half an installation.
        return {"version": _version("torch"), "problem": str(error).splitlines()[0]}
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "version": torch.__version__,
        "problem": None,
        "built_for_cuda": torch.version.cuda,
        "devices": [torch.cuda.get_device_name(index) for index in range(count)],
        "threads": torch.get_num_threads(),
    }


def _timm() -> dict[str, Any]:
    """Whether ``import timm`` works in scripts of the user's own; it needs torchvision.

    Tried in a process of its own, because what half imports itself stays. autodas itself gets along
    without the compiled part of torchvision (:mod:`autodas.networks.import_timm`).
    """
    versions = {"version": _version("timm"), "torchvision": _version("torchvision")}
    if versions["version"] is None:
        return {**versions, "problem": None}
    tried = subprocess.run(
        [sys.executable, "-c", "import timm"], capture_output=True, text=True, check=False
    )
    lines = tried.stderr.strip().splitlines() or ["it fails"]
    return {**versions, "problem": lines[-1] if tried.returncode else None}


def _torchvision_beside(torch: str | None) -> str:
    """What installs the torchvision that fits a version of PyTorch, such as ``2.8.0+cpu``."""
    build = (torch or "").partition("+")[2]
    index = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    # With PyTorch itself, so that pip takes the torchvision of this very version.
    return f"pip install --force-reinstall torchvision torch=={torch}{index}"


def _data() -> dict[str, Any]:
    try:
        folder = data_folder()
    except AutodasError as error:
        return {"folder": None, "problem": str(error), "files": [], "teachers": []}
    if folder is None:
        return {"folder": None, "problem": None, "files": [], "teachers": []}
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    return {
        "folder": str(folder),
        "problem": None,
        "files": [path.name for path in files if path.suffix != ".md"],
        "teachers": sorted(path.stem for path in (folder / "teachers").glob(WEIGHTS)),
    }


def _tables() -> dict[str, str | None]:
    from autodas.tables import TABLES

    try:
        paths = {table.name: table.path for table in TABLES}
    except AutodasError:
        # A wrong folder of data is told once, with the data.
        return {}
    return {name: str(path) if path else None for name, path in paths.items()}


def _cache(chosen: Path | None) -> dict[str, Any]:
    folder = cache_folder(chosen)
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {
        "folder": str(folder),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
    }


def _advice(found: dict[str, Any]) -> list[str]:
    missing = [name for name, version in found["packages"].items() if version is None]
    advice = [f"{name} is missing: pip install {name}" for name in missing]
    if not found["packages"]:
        advice.append("autodas itself is not installed: pip install -e . in its folder")
    if problem := found["torch"]["problem"]:
        advice.append(f"PyTorch cannot be used ({problem}): pip install --force-reinstall torch")
    if problem := found["timm"]["problem"]:
        remedy = _torchvision_beside(found["torch"]["version"])
        advice.append(
            f"import timm fails in scripts of your own ({problem}), as its torchvision does not "
            f"fit PyTorch: {remedy}"
        )
    if found["machine"]["omp_num_threads"] is None:
        advice.append("small networks run faster with OMP_NUM_THREADS=1 in the environment")
    if problem := found["data"]["problem"]:
        advice.append(problem)
    return advice


def _lines(found: dict[str, Any]) -> list[str]:
    machine, torch, data, cache = (found[key] for key in ("machine", "torch", "data", "cache"))
    memory = f", {_size(machine['memory_bytes'])} memory" if machine["memory_bytes"] else ""
    devices = ", ".join(torch.get("devices", [])) or "no CUDA device"
    others = [f"{name} {version or 'MISSING'}" for name, version in found["packages"].items()]
    lines = [
        f"autodas   {found['autodas']}",
        f"Python    {machine['python']}  {machine['executable']}",
        f"machine   {machine['platform']}, {machine['usable_cores']} cores{memory}",
        f"PyTorch   {torch['version'] or 'MISSING'}, {devices}",
        f"packages  {', '.join(others)}",
        *_timm_line(found["timm"]),
        f"data      {_data_line(data)}",
        f"tables    {_tables_line(found['tables'])}",
        *([f"teachers  {', '.join(data['teachers'])}"] if data["teachers"] else []),
        f"cache     {cache['folder']}: {cache['files']} files, {_size(cache['bytes'])}"
        f" (elsewhere: --cache or {CACHE_VARIABLE})",
    ]
    for extra, missing in found["extras"].items():
        lacks = f'lacks {", ".join(missing)}: pip install "autodas[{extra}]"'
        lines.append(f"extra     {extra}: {lacks if missing else 'complete'}")
    advice = [f"advice    {line}" for line in found["advice"]]
    return [*lines, *(advice or ["All that is required is there."])]


def _timm_line(timm: dict[str, Any]) -> list[str]:
    if timm["version"] is None:
        return []
    beside = f"torchvision {timm['torchvision'] or 'MISSING'}"
    return [
        f"timm      {timm['version']}, {beside}" + (", not to be imported" * bool(timm["problem"]))
    ]


def _data_line(data: dict[str, Any]) -> str:
    if data["folder"] is None:
        return (
            f"no optional data: {DATA_VARIABLE} may name a folder of published tables and teachers"
        )
    return f"{data['folder']}: {', '.join(data['files']) or 'no files'}"


def _tables_line(tables: dict[str, str | None]) -> str:
    from autodas.tables import TABLES

    here = [name for name, file in tables.items() if file]
    absent = [name for name, file in tables.items() if not file]
    fetchable = [name for name in absent if TABLES.get(name).remotes]
    parts = [", ".join(here) or "none"]
    if absent:
        parts.append(f"not here: {', '.join(absent)} ({DATA_VARIABLE} may name their folder)")
    if fetchable:
        parts.append(f"autodas fetch gets {', '.join(fetchable)}")
    return "; ".join(parts)


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"

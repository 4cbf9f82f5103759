"""The Ray cluster that this process drives: one of its own, or one that is there already."""

from __future__ import annotations

import importlib
import os
import secrets
import socket
import subprocess
import sys
from typing import Any

from autodas.core.errors import InvalidInput, MissingData

__all__ = ["connect", "package"]

ADDRESS_VARIABLE = "RAY_ADDRESS"
PATIENCE = 5.0  # seconds for a connection to the head of a cluster
ANSWER = 60.0  # for what is there to answer as Ray does: on a busy machine it takes long to start
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
TOKEN_REFUSED = b"AuthenticationError"  # from version 2.52 on
STORE = 256 << 20  # bytes of shared memory of a cluster of our own: units are small


def package() -> Any:  # noqa: ANN401 - a module
    """Ray, which takes a second to import.

    Raises:
        MissingData: it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise MissingData(
            "the backend ray needs Ray; install it with: pip install 'autodas[ray]'"
        ) from None


class _Own:
    """The cluster that this process has started, if any; it lives until the process ends."""

    jobs: int | None = None


def connect(jobs: int, address: str | None) -> None:
    """Be connected to the cluster at ``address``, or to a local one with ``jobs`` CPUs.

    A connection that is there is kept, whoever made it: starting Ray takes seconds, and a command
    has many steps. Only a cluster of our own that has another number of CPUs is replaced.

    Args:
        jobs: CPUs of a cluster of our own.
        address: ``HOST:PORT`` or ``auto``; by default that in the environment variable
            ``RAY_ADDRESS``, else none.

    Raises:
        MissingData: Ray is not installed.
        InvalidInput: there is no cluster at the address, or this machine is no part of it.
    """
    ray = package()
    address = address or os.environ.get(ADDRESS_VARIABLE)
    if ray.is_initialized():
        if address or _Own.jobs in (None, jobs):
            return
        ray.shutdown()
    if address and address != "auto":
        _check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # for the cluster that starts here
    # Units that were called off have no readers for their errors.
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    if not address and not any(os.environ.get(name) for name in TOKEN_VARIABLES):
        # Else Ray would write one into the home folder, and ask every later cluster for it.
        os.environ[TOKEN_VARIABLES[0]] = secrets.token_hex(32)
    own = {"num_cpus": jobs, "include_dashboard": False, "object_store_memory": STORE}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="ERROR",
            **({} if address else own),
        )
    except (OSError, RuntimeError, ValueError) as error:
        where = f"the Ray cluster at {address}" if address else "a local Ray cluster"
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{where} cannot be used: {reason}") from error
    _Own.jobs = None if address else jobs


def _check_reachable(address: str) -> None:
    """Find out in seconds: Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise InvalidInput(f"a Ray address is HOST:PORT or auto, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        # The command line of Ray: `ray health-check`.
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address],
            check=True,
            capture_output=True,
            timeout=ANSWER,
        )
    except (OSError, OverflowError, subprocess.SubprocessError) as error:
        if TOKEN_REFUSED in (getattr(error, "stderr", None) or b""):
            raise InvalidInput(
                f"the Ray cluster at {address} asks for a token; set RAY_AUTH_MODE=token, and "
                "RAY_AUTH_TOKEN unless the same token is in ~/.ray/auth_token"
            ) from None
        why = "it does not answer as Ray does"
        if isinstance(error, subprocess.TimeoutExpired):
            why = f"no answer within {ANSWER:.0f} s"
        if not isinstance(error, subprocess.SubprocessError):
            why = str(error)
        raise InvalidInput(
            f"there is no Ray cluster at {address} ({why}); start one there with: "
            f"ray start --head --port={port}"
        ) from None

"""Downloads whose content is known beforehand: a file that differs is not kept.

What a cut connection has delivered stays beside the file, with the ending ``.part``, and the next
attempt goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodas.core.digest import digest_file
from autodas.core.errors import FileProblem, MissingData

__all__ = ["Remote", "download", "resuming"]


CHUNK = 2**16  # bytes
TIMEOUT_SECONDS = 30
PARTIAL, BEYOND_THE_END = 206, 416


@dataclass(frozen=True)
class Remote:
    """A file on the network.

    Attributes:
        url: Where it is.
        sha256: What it must be.
        name: What it is called here.
    """

    url: str
    sha256: str
    name: str


def download(remotes: Sequence[Remote], folder: Path) -> list[Path]:
    """Fetch files that are not there yet.

    Args:
        remotes: What to fetch.
        folder: Where to put it; made if need be.

    Raises:
        MissingData: the network or the server did not deliver; the message says what and why.
        FileProblem: what was delivered is another file, or the folder cannot be written.
    """
    return [_one(remote, folder) for remote in remotes]


def _one(remote: Remote, folder: Path) -> Path:
    file = folder / remote.name
    if file.is_file() and digest_file(file) == remote.sha256:
        return file
    # Imported here because they take a third of a second, and most runs download nothing.
    import pooch  # noqa: PLC0415
    import requests  # noqa: PLC0415

    # Named after the content as well, so that another version of a file never continues it.
    part = folder / f"{remote.name}.{remote.sha256[:12]}.part"

    def downloader(url: str, output: str, _: object) -> None:
        resuming(url, part)
        part.replace(output)

    pooch.get_logger().setLevel(logging.ERROR)
    try:
        pooch.retrieve(
            remote.url,
            known_hash=f"sha256:{remote.sha256}",
            fname=remote.name,
            path=folder,
            downloader=downloader,
        )
    except requests.HTTPError as error:
        raise MissingData(f"{remote.url} was not delivered: {_reason(error)}") from None
    except requests.RequestException as error:
        raise MissingData(
            f"{remote.url} cannot be reached or the connection broke ({type(error).__name__}); "
            "try again when the network is there, what came is kept"
        ) from None
    except ValueError:
        raise FileProblem(
            remote.url, f"delivers another file than expected (SHA-256 {remote.sha256[:12]}…)"
        ) from None
    except OSError as error:
        raise FileProblem(folder, f"cannot be written: {error.strerror or error}") from error
    return file


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is None:
        return type(error).__name__
    return f"the server answers {response.status_code} {response.reason}"


def resuming(url: str, part: Path) -> None:
    """Write what ``url`` delivers into ``part``; what is there already is not asked for again.

    A server that cannot begin in the middle sends everything, and ``part`` begins anew. Whether
    the whole is what it should be is for the caller to check.

    Raises:
        requests.RequestException: nothing is delivered, or the connection breaks; what came is
            kept in ``part``.
        OSError: the file cannot be written.
    """
    import requests  # noqa: PLC0415 - takes a third of a second, and most runs download nothing

    have = part.stat().st_size if part.is_file() else 0
    response = _ask(url, have)
    if response.status_code == BEYOND_THE_END:
        # What is there is no beginning of that file; it begins anew.
        response = _ask(url, 0)
    response.raise_for_status()
    # Byte counts are those of the file itself, so it must not come packed.
    goes_on = response.status_code == PARTIAL and _starts_at(response, have)
    if response.status_code == PARTIAL and not goes_on:
        raise requests.ConnectionError("the server sends another part than was asked for")
    with response, part.open("ab" if goes_on else "wb") as handle:
        for chunk in response.iter_content(CHUNK):
            handle.write(chunk)


def _ask(url: str, start: int) -> Any:  # noqa: ANN401 - requests is loaded late
    import requests  # noqa: PLC0415

    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)


def _starts_at(response: Any, start: int) -> bool:  # noqa: ANN401
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")

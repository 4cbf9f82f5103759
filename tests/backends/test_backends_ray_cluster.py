"""Which Ray cluster is used, and what is said where there is none; on a stand-in for Ray."""

import os
import socket
import subprocess
import sys
import time

import pytest

from autodas.backends import ray_cluster
from autodas.core.errors import InvalidInput

ADDRESS = "127.0.0.1:6379"
RUN = subprocess.run


class StandIn:
    """Notes what it is started with."""

    def __init__(self):
        self.started, self.shut_down = [], 0
        self.error = None

    def is_initialized(self):
        return len(self.started) > self.shut_down

    def init(self, **options):
        if self.error:
            raise self.error
        self.started.append(options)

    def shutdown(self):
        self.shut_down += 1


@pytest.fixture
def stand_in(monkeypatch):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    monkeypatch.setattr(os, "environ", kept)
    monkeypatch.setattr(ray_cluster._Own, "jobs", None)
    found = StandIn()
    monkeypatch.setattr(ray_cluster, "package", lambda: found)
    return found


@pytest.fixture
def reached(monkeypatch):
    found = []
    monkeypatch.setattr(ray_cluster, "_check_reachable", found.append)
    return found


def test_a_cluster_of_our_own_is_quiet_and_has_as_many_cpus_as_jobs(stand_in, reached):
    ray_cluster.connect(3, None)
    (options,) = stand_in.started
    assert (options["address"], options["num_cpus"]) == ("local", 3)
    assert options["object_store_memory"] > 75 << 20  # Ray takes no less
    assert not options["include_dashboard"]
    assert not options["log_to_driver"]
    assert reached == []


def test_a_cluster_of_our_own_has_a_token_of_its_own(stand_in):
    ray_cluster.connect(3, None)
    assert len(os.environ["RAY_AUTH_TOKEN"]) >= 32
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_the_token_of_the_user_is_kept(stand_in, name):
    os.environ[name] = "mine"
    ray_cluster.connect(3, None)
    assert {key: os.environ[key] for key in os.environ if "TOKEN" in key} == {name: "mine"}


@pytest.mark.parametrize("by_variable", [False, True])
@pytest.mark.parametrize("address", [ADDRESS, "head.example:6379", "auto"])
def test_a_cluster_that_is_there_is_taken_as_it_is(stand_in, reached, address, by_variable):
    if by_variable:
        os.environ["RAY_ADDRESS"] = address
    ray_cluster.connect(3, None if by_variable else address)
    (options,) = stand_in.started
    assert options.pop("address") == address
    assert sorted(options) == ["log_to_driver", "logging_level"]
    assert reached == [each for each in (address,) if each != "auto"]
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_only_a_cluster_of_our_own_with_another_number_of_cpus_is_replaced(stand_in):
    ray_cluster.connect(2, None)
    ray_cluster.connect(2, None)
    assert (len(stand_in.started), stand_in.shut_down) == (1, 0)
    ray_cluster.connect(3, None)
    assert [each["num_cpus"] for each in stand_in.started] == [2, 3]
    assert stand_in.shut_down == 1
    ray_cluster.connect(4, "auto")
    assert (len(stand_in.started), stand_in.shut_down) == (2, 1)


@pytest.mark.parametrize("address", [None, ADDRESS])
def test_the_connection_of_somebody_else_is_kept(stand_in, reached, address):
    stand_in.started.append({})
    ray_cluster.connect(2, address)
    assert (stand_in.started, stand_in.shut_down, reached) == ([{}], 0, [])


def test_a_cluster_that_was_there_is_kept_whatever_the_number_of_jobs(stand_in, reached):
    ray_cluster.connect(2, ADDRESS)
    ray_cluster.connect(3, None)
    assert (len(stand_in.started), stand_in.shut_down) == (1, 0)


@pytest.mark.parametrize("kind", [ConnectionError, RuntimeError, ValueError])
@pytest.mark.parametrize(
    ("address", "where"), [(None, "a local Ray cluster"), ("auto", "the Ray cluster at auto")]
)
def test_a_cluster_that_cannot_be_used_says_why_in_one_line(stand_in, kind, address, where):
    stand_in.error = kind("no\n  room")
    with pytest.raises(InvalidInput) as no:
        ray_cluster.connect(2, address)
    assert str(no.value) == f"{where} cannot be used: no room"


@pytest.mark.parametrize("address", ["nonsense", "ray://host:10001", "host:", ":6379"])
def test_an_address_is_host_and_port(address):
    with pytest.raises(InvalidInput, match="HOST:PORT or auto"):
        ray_cluster._check_reachable(address)


def test_a_dead_address_is_found_out_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    start = time.monotonic()
    with pytest.raises(
        InvalidInput, match=f"no Ray cluster at {address} .*refused.*ray start --head"
    ):
        ray_cluster._check_reachable(address)
    assert time.monotonic() - start < 5


@pytest.fixture
def open_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def answer(monkeypatch, code):
    """What is asked whether it is Ray does this instead."""
    words = [sys.executable, "-S", "-c", f"import sys\n{code}"]
    monkeypatch.setattr(subprocess, "run", lambda _, **options: RUN(words, **options))


def test_a_cluster_that_answers_is_used_without_a_word(monkeypatch, open_port, capfd):
    answer(monkeypatch, "print('healthy')")
    ray_cluster._check_reachable(open_port)
    assert capfd.readouterr() == ("", "")


def test_what_is_there_and_is_no_cluster_is_told(monkeypatch, open_port):
    answer(monkeypatch, "sys.exit('what?')")
    with pytest.raises(InvalidInput, match=r"\(it does not answer as Ray does\)"):
        ray_cluster._check_reachable(open_port)


def test_what_does_not_answer_in_time_is_told(monkeypatch, open_port):
    monkeypatch.setattr(ray_cluster, "ANSWER", 0.3)
    answer(monkeypatch, "import time; time.sleep(9)")
    with pytest.raises(InvalidInput, match=r"\(no answer within 0 s\)"):
        ray_cluster._check_reachable(open_port)


REFUSED = "ray.exceptions.AuthenticationError: RPC error: InvalidAuthToken: Authentication token"


def test_a_cluster_that_asks_for_a_token_says_how_to_give_it(monkeypatch, open_port):
    answer(monkeypatch, f"sys.exit('Traceback\\n{REFUSED}')")
    with pytest.raises(InvalidInput, match=r"token.*RAY_AUTH_MODE=token.*RAY_AUTH_TOKEN") as no:
        ray_cluster._check_reachable(open_port)
    assert "\n" not in str(no.value)

"""Two hosts on one machine: commands on Ray over a network, with and without shared folders.

``python tests/reliability/two_hosts.py`` (as root, on Linux, with Ray) makes two hosts of
namespaces: each has its own network address, processes, ``/tmp``, ``/dev/shm``, home folder and
name, and a virtual cable is between them. The first is the head of a cluster, the second joins it.
Commands run on the first, and what they leave is compared with what ``--backend serial`` leaves
there. Then the cable is pulled while the second is at work. All of it ends with this process,
however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from compare import same
from kill import CASES
from ray_head import PATIENCE, descendants

ROOT = Path(__file__).parent.parent.parent
NETWORK = "10.213.77"  # /24; inside of the namespaces alone
HEAD = f"{NETWORK}.1:6379"
COMMANDS = ("label", "measure", "distill")
SHORTER = "label --space digits-vit --data digits/50 --students 2 --seeds 1 --epochs 1"
LONGER = "label --space digits-vit --data digits/150 --students 4 --seeds 2 --epochs 4"
TOOLS = ("ip", "mount", "nsenter", "setpriv", "unshare")
LIMIT = 1_200.0  # seconds for a command; a lost node alone takes Ray up to seven minutes

# What a host sees of the machine: everything, but for folders that it could share with another.
SETUP = """
set -e
mount --make-rprivate /
hostname {name}
mount -t tmpfs tmpfs /mnt
for each in {kept}; do
    mkdir -p "/mnt${{each#/tmp}}"
    mount --rbind "$each" "/mnt${{each#/tmp}}"
done
mkdir -p /mnt/{name}/home /mnt/shared
mount --bind {shared} /mnt/shared
mount --move /mnt /tmp
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
echo ready
while true; do sleep 3600 & wait; done  # for children that others leave behind, too
"""


class Failure(AssertionError):
    """Something did not go as it should."""


def missing() -> str:
    """What is not there, in words; empty if two hosts can be made."""
    if sys.platform != "linux":
        return "two hosts on one machine need Linux"
    if os.geteuid() != 0:
        return "two hosts on one machine need root: network and mount namespaces are made"
    for tool in TOOLS:
        if shutil.which(tool) is None:
            return f"two hosts on one machine need the program {tool}"
    if find_spec("ray") is None:
        return "two hosts need Ray: pip install 'autodas[ray]'"
    tried = subprocess.run(["unshare", "-n", "-m", "-p", "-u", "-i", "-f", "true"], check=False)
    return "namespaces are not allowed here" if tried.returncode else ""


class Host:
    """Namespaces with a first process, whose end is the end of all others in them.

    Args:
        name: Of the host; ``/tmp/NAME`` is a folder that it alone has.
        number: Last part of its address.
        shared: A folder of this machine that it sees as ``/tmp/shared``.
    """

    def __init__(self, name: str, number: int, shared: Path) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        self.started: list[subprocess.Popen] = []
        kept = {str(place) for place in (ROOT, Path(sys.prefix), Path(sys.base_prefix))}
        kept = {each for each in kept if each.startswith("/tmp/")}
        setup = SETUP.format(name=name, shared=shlex.quote(str(shared)), kept=" ".join(kept))
        words = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount-proc", "--kill-child"]
        words += ["-n", "-m", "-p", "-u", "-i", "-f"]
        self.process = subprocess.Popen(
            [*words, "sh", "-c", setup], stdout=subprocess.PIPE, text=True
        )
        if not self.process.stdout or self.process.stdout.readline() != "ready\n":
            self.end()
            raise Failure(f"the host {name} cannot be made")
        self.pid = next(descendants(self.process.pid))

    def end(self) -> None:
        """Pull the plug."""
        self.process.kill()
        self.process.wait()

    def words(self, command: list[str]) -> list[str]:
        """The command, as run on this host."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "-u", "-i", *command]

    def start(self, command: list[str], folder: str, said: Path, **more: str) -> subprocess.Popen:
        """Start a command in a folder of this host."""
        home = f"/tmp/{self.name}/home"
        passed = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        environment = {**passed, "HOME": home, "OMP_NUM_THREADS": "1", **more}
        environment |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
        environment |= {"PYTHONPATH": str(ROOT / "src")}
        words = ["sh", "-c", 'mkdir -p "$0" && cd "$0" && exec "$@"', folder, *command]
        with said.open("ab") as out:
            process = subprocess.Popen(
                self.words(words), env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        self.started.append(process)
        return process

    def busy(self) -> int:
        """How many units it is at."""
        count = 0
        for top in (self.pid, *(each.pid for each in self.started)):
            for pid in descendants(top):
                with contextlib.suppress(OSError):
                    title = Path(f"/proc/{pid}/cmdline").read_bytes()
                    count += title.startswith(b"ray::execute")
        return count

    def seen(self, path: str) -> Path:
        """A path of this host, as seen from outside."""
        return Path(f"/proc/{self.pid}/root{path}")


class Pair:
    """Two hosts, a cable, and a cluster on them; a context manager.

    Args:
        say: Told what is being done.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}

    def __enter__(self) -> Pair:
        with contextlib.ExitStack() as stack:
            self.top = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (self.top / "shared").mkdir()
            self.one, self.two = (self._host(stack, *each) for each in (("one", 1), ("two", 2)))
            self._cable()
            ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
            ray += ["--object-store-memory=100000000"]
            first = [*ray, "--head", f"--port={HEAD.rpartition(':')[2]}", "--num-cpus=1"]
            self._join(self.one, [*first, "--include-dashboard=false"])
            self._join(self.two, [*ray, f"--address={HEAD}", "--num-cpus=2"])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _host(self, stack: contextlib.ExitStack, name: str, number: int) -> Host:
        host = Host(name, number, self.top / "shared")
        stack.callback(host.end)
        return host

    def _cable(self) -> None:
        pids = self.one.pid, self.two.pid
        make = ["ip", "link", "add", "name", "cable", "netns", str(pids[0]), "type", "veth"]
        _do([*make, "peer", "name", "cable", "netns", str(pids[1])])
        for host in (self.one, self.two):
            _do(host.words(["ip", "address", "add", f"{host.address}/24", "dev", "cable"]))
            _do(host.words(["ip", "link", "set", "cable", "up"]))
            # Ray finds its own address by a way out.
            _do(host.words(["ip", "route", "add", "default", "dev", "cable"]))

    def _join(self, host: Host, words: list[str]) -> None:
        self.say(f"{host.name}: ray start")
        said = self.top / f"ray-{host.name}"
        words = [*words, f"--node-ip-address={host.address}"]
        process = host.start(words, f"/tmp/{host.name}", said, **self.token)
        limit = time.monotonic() + PATIENCE
        while "Ray runtime started" not in said.read_text():
            if process.poll() is not None or time.monotonic() > limit:
                raise Failure(f"Ray does not start on {host.name}: {said.read_text()[-2000:]}")
            time.sleep(0.2)

    def command(
        self, line: str, folder: str, *, ray: bool, token: bool = True
    ) -> tuple[int, str, int]:
        """Run a command on the first host.

        Returns:
            Its exit status, what it said, and the largest number of units the second was at.
        """
        words = [sys.executable, "-m", "autodas", *shlex.split(line)]
        words += ["--backend", "ray", "--ray-address", HEAD] if ray else ["--backend", "serial"]
        said = self.top / f"said-{secrets.token_hex(4)}"
        process = self.one.start(words, folder, said, **(self.token if token else {}))
        most, limit = 0, time.monotonic() + LIMIT
        while process.poll() is None and time.monotonic() < limit:
            most = max(most, self.two.busy())
            self.watch(most)
            time.sleep(0.05)
        if process.poll() is None:
            process.kill()
            raise Failure(f"hangs: {line}: {said.read_text()[-2000:]}")
        return process.returncode, said.read_text(), most

    def watch(self, busy: int) -> None:
        """Called all the time while a command runs; for accidents."""


def _do(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{shlex.join(words)}: {done.stderr.strip()}")


def _line(name: str) -> str:
    case = CASES[name]
    return f"{case.line} {'--out out' if case.out else ''} {'--cache cache' if case.cached else ''}"


def _alike(pair: Pair, line: str, folder: str, alone: str) -> dict[str, object]:
    start = time.monotonic()
    status, said, far = pair.command(line, folder, ray=True)
    if status:
        raise Failure(f"exit status {status}: {line}: {said[-2000:]}")
    if not far:
        raise Failure(f"the second host had nothing to do: {line}")
    same(pair.one.seen(folder), pair.one.seen(alone))
    return {"equal": True, "units on two": far, "seconds": round(time.monotonic() - start)}


def _alone(pair: Pair, line: str, folder: str) -> str:
    status, said, _ = pair.command(line, folder, ray=False)
    if status:
        raise Failure(f"exit status {status}: {line}: {said[-2000:]}")
    return folder


def check(pair: Pair, names: Sequence[str] = COMMANDS) -> Iterator[dict[str, object]]:
    """Everything, one finding after the other.

    Args:
        pair: The hosts.
        names: Commands to compare; the accident is always of a ``label``.

    Raises:
        Failure, Broken: something is not as it is on one host.
    """
    status, said, _ = pair.command(_line("measure"), "/tmp/one/none", ray=True, token=False)
    if status != 2 or "RAY_AUTH_MODE=token" not in said or "Traceback" in said:
        raise Failure(f"without a token: exit status {status}: {said[-2000:]}")
    yield {"what": "without the token of the cluster", "refused": True}
    for name in names:
        alone = _alone(pair, _line(name), f"/tmp/one/{name}")
        for where in ("/tmp/one/far", "/tmp/shared"):
            found = _alike(pair, _line(name), f"{where}/{name}", alone)
            shared = where == "/tmp/shared"
            yield {"what": name, "shared folders": shared, **found}
    yield {"what": "label, cable pulled", **_without_cable(pair)}
    yield {"what": "label, after that", **_after(pair)}


def _without_cable(pair: Pair) -> dict[str, object]:
    alone = _alone(pair, f"{LONGER} --out out", "/tmp/one/longer")
    pulled: list[float] = []

    def pull(busy: int) -> None:
        if busy == 2 and not pulled:
            _do(pair.two.words(["ip", "link", "set", "cable", "down"]))
            pulled.append(time.monotonic())

    pair.watch = pull  # type: ignore[method-assign]
    found = _alike(pair, f"{LONGER} --out out", "/tmp/one/pulled", alone)
    if not pulled:
        raise Failure("the second host was never at two units")
    return {**found, "seconds after it": round(time.monotonic() - pulled[0])}


def _after(pair: Pair) -> dict[str, object]:
    """The cluster that is left works on."""
    status, said, far = pair.command(f"{SHORTER} --out out", "/tmp/one/after", ray=True)
    if status or far:
        raise Failure(f"exit status {status}, {far} units on a host without cable: {said[-2000:]}")
    alone = _alone(pair, f"{SHORTER} --out out", "/tmp/one/shorter")
    same(pair.one.seen("/tmp/one/after"), pair.one.seen(alone))
    return {"equal": True}


def main(names: Sequence[str] = ()) -> int:
    """Try everything, or the commands that are named; the exit status."""
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    try:
        with Pair(lambda text: print(text, file=sys.stderr, flush=True)) as pair:
            for found in check(pair, names or COMMANDS):
                print(json.dumps(found), flush=True)
    except AssertionError as error:
        print(json.dumps({"broken": str(error)}))
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))

"""Fuzz the readers: ``python tests/reliability/fuzz.py [--inputs N] [--engine atheris|random]``.

Every target gets its share of the inputs (``fuzz_targets.SHARES``) in a process of its own, with at
most 1 GiB of memory beyond what the program itself takes; an input that takes more than a second of
the processor is a finding like an exception, after ten it is broken off. Nothing is read from or
written to a disk for an input. With atheris the inputs follow what they reach in the code (``pip
install "autodas[fuzz]"``) and are at most 4 KiB; without it they are random changes of those that
are known. The last line of output is JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS, LIMIT_BYTES = 1.0, 1 << 30
PATIENCE = 10.0  # seconds of the processor until an input is broken off
LONGEST_SEED = 2_000  # bytes; changes of long ones take long and reach little
HERE = Path(__file__).resolve()


def main() -> int:
    """Run all targets one after the other."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--inputs", type=int, default=1_000_000)
    options.add_argument("--engine", choices=("atheris", "random"), default="atheris")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--target", help="this one alone, with all the inputs")
    options.add_argument("--folder", type=Path, default=None)
    chosen = options.parse_args()
    if chosen.target:
        return _one(chosen)
    import fuzz_targets

    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    reports = {}
    for target in fuzz_targets.TARGETS:
        share = round(chosen.inputs * fuzz_targets.SHARES[target] / 100)
        words = ["--inputs", share, "--target", target, "--engine", chosen.engine]
        words += ["--seed", chosen.seed, "--folder", folder / target]
        ended = subprocess.run([sys.executable, str(HERE), *map(str, words)], check=False)
        found = folder / target / "report.json"
        report = json.loads(found.read_text()) if found.exists() else {}
        died = bool(ended.returncode) or report.get("inputs", 0) < share
        reports[target] = report | ({"died": True} if died else {})
        print(target, reports[target], flush=True)
    print(json.dumps(reports))
    return int(any("died" in each or each["findings"] for each in reports.values()))


class Hang(BaseException):
    """Not an Exception, so that no reader takes it for one of its own."""


def _broken_off(*_: object) -> None:
    raise Hang(f"no end after {PATIENCE:.0f} s")


class Watch:
    """Runs inputs, counts them and writes down what should not happen."""

    def __init__(self, target: str, inputs: int, folder: Path) -> None:
        import fuzz_targets

        folder.mkdir(parents=True, exist_ok=True)
        self.run, self.target = fuzz_targets.run, fuzz_targets.TARGETS[target]
        self.inputs, self.folder = inputs, folder
        self.count = self.accepted = self.findings = 0
        self.slowest = 0.0
        self.started, self.before = time.monotonic(), _memory()

    def __call__(self, data: bytes) -> None:
        self.count += 1
        start = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
        try:
            self.accepted += self.run(self.target, data)
        except (Exception, Hang) as error:
            self._keep(data, f"{type(error).__name__}: {error}")
        seconds = time.process_time() - start
        self.slowest = max(self.slowest, seconds)
        if seconds > LIMIT_SECONDS:
            self._keep(data, f"takes {seconds:.1f} s")
        if self.count == self.inputs or self.count % 10_000 == 0:
            self.report()

    def _keep(self, data: bytes, why: str) -> None:
        self.findings += 1
        if self.findings <= 20:
            (self.folder / f"finding-{self.findings}").write_bytes(data)
            print("FINDING", self.folder.name, why[:300], data[:80], flush=True)

    def report(self) -> None:
        seconds = time.monotonic() - self.started
        content = {
            "inputs": self.count,
            "accepted": self.accepted,
            "findings": self.findings,
            "slowest": round(self.slowest, 3),
            "seconds": round(seconds),
            "per_second": round(self.count / max(seconds, 0.001)),
            "more_memory": _memory() - self.before,
        }
        (self.folder / "report.json").write_text(json.dumps(content))


def _memory() -> int:
    """Most bytes in memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _one(chosen: argparse.Namespace) -> int:
    if chosen.engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["autodas", "tomllib", "json", "csv"]):
            import fuzz_targets
    else:
        import fuzz_targets
    first = fuzz_targets.seeds()[chosen.target]
    short = [data for data in first if len(data) < LONGEST_SEED]
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    watch = Watch(chosen.target, chosen.inputs, folder)
    signal.signal(signal.SIGVTALRM, _broken_off)
    _limit_memory()
    gc.freeze()
    gc.set_threshold(100_000)
    for data in first:
        watch(data)
    if chosen.engine == "random":
        _random(watch, short, chosen.seed)
    else:
        _guided(watch, short, chosen.seed)
    return 0


def _guided(watch: Watch, short: list[bytes], seed: int) -> None:
    """libFuzzer ends the process when it is done."""
    import atheris
    import fuzz_targets
    import numpy as np

    corpus = watch.folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(short):
        (corpus / f"seed-{number}").write_bytes(data)
    dictionary = watch.folder / "words"
    dictionary.write_text("\n".join(f'"{_spelt(word)}"' for word in fuzz_targets.ALL_WORDS) + "\n")
    words = [f"-runs={watch.inputs - watch.count}", f"-dict={dictionary}", "-max_len=4096"]
    words += ["-verbosity=0", "-rss_limit_mb=0", "-timeout=60", f"-seed={seed}"]
    words += [f"-artifact_prefix={watch.folder}/"]

    def change(data: bytes, most: int, number: int) -> bytes:
        # Half by libFuzzer, half by what knows the words of the languages.
        if number % 2:
            return bytes(atheris.Mutate(data, most))
        return fuzz_targets.mutated(data, np.random.default_rng(number), short)[:most]

    atheris.Setup([sys.argv[0], *words, str(corpus)], watch, custom_mutator=change)
    atheris.Fuzz()


def _random(watch: Watch, known: list[bytes], seed: int) -> None:
    import fuzz_targets
    import numpy as np

    rng = np.random.default_rng([seed, *watch.folder.name.encode()])
    known = list(known)
    while watch.count < watch.inputs:
        data = fuzz_targets.mutated(known[int(rng.integers(len(known)))], rng, known)
        before = watch.accepted
        watch(data)
        if watch.accepted > before and len(data) < 4096:
            # What is accepted is a good start for what is nearly accepted.
            if len(known) < 500:
                known.append(data)
            else:
                known[int(rng.integers(len(known)))] = data


def _limit_memory() -> None:
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + LIMIT_BYTES, size + LIMIT_BYTES))


def _spelt(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())

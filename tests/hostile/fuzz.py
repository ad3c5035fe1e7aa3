"""Spoil files for as long as is asked, each kind in a child with limits of memory and time.

    .venv/bin/python tests/hostile/fuzz.py --minutes 10
    .venv/bin/python tests/hostile/fuzz.py --kind nrrd --seed 4711   # one case again

A case that ends in anything but a result or a refusal, a crash and a hang included, is named
with its seed, and its file is kept under build/fuzz. Exit status 1 where there was one.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hostile_files import kinds, outcome, spoilt

MEMORY_BYTES = 6 << 30  # of addresses, of which libraries take four before a file is read
SECONDS_A_CASE = 30
BATCH = 200
KEPT = Path("build/fuzz")


def child(name: str, first: int, count: int) -> int:
    """Run cases; print each seed before it is tried, so that a crash names it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        kind = {k.name: k for k in kinds(Path(folder))}[name]
        path = Path(folder) / name / kind.file
        path.parent.mkdir(exist_ok=True)
        for seed in range(first, first + count):
            print("case", seed, time.time(), flush=True)
            path.write_bytes(spoilt(kind, seed))
            try:
                print(outcome(kind.read, path), flush=True)
            except BaseException:  # a panic of Rust is no Exception
                traceback.print_exc()
                print("fault", seed, flush=True)
    return 0


def batch(name: str, first: int, count: int) -> tuple[list[str], str, int]:
    """Outcomes of some cases, what was said of a fault, and the seed to go on from."""
    command = [sys.executable, __file__, "--child", name, str(first), str(count)]
    limit = 60 + SECONDS_A_CASE + count
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        out, said, status = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as late:
        out = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
        said, status = f"no answer within {limit} s", -1
    lines = out.splitlines()
    seeds = [int(line.split()[1]) for line in lines if line.startswith("case")]
    if status != 0 and seeds:
        return [*lines, f"fault {seeds[-1]}"], f"exit status {status}: {said}", seeds[-1] + 1
    if status != 0:
        raise SystemExit(f"{name}: the child didn't start: {said}")
    return lines, said, first + count


def main() -> int:
    """Run every kind in turn until time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--kind")
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--child", nargs=3)
    asked = parser.parse_args()
    if asked.child:
        name, first, count = asked.child
        return child(name, int(first), int(count))
    with tempfile.TemporaryDirectory() as folder:
        found = {k.name: k for k in kinds(Path(folder)) if asked.kind in (None, k.name)}
    end = time.monotonic() + 60 * asked.minutes
    seeds = dict.fromkeys(found, asked.seed)
    counts = {"read": 0, "refused": 0, "fault": 0}
    while time.monotonic() < end:
        for name, kind in found.items():
            if time.monotonic() > end:
                break
            lines, said, seeds[name] = batch(name, seeds[name], BATCH)
            for line in lines:
                counts["read"] += line == "read"
                counts["refused"] += line == "refused"
                if line.startswith("fault"):
                    counts["fault"] += 1
                    KEPT.mkdir(parents=True, exist_ok=True)
                    seed = int(line.split()[1])
                    (KEPT / f"{name}-{seed}-{kind.file}").write_bytes(spoilt(kind, seed))
                    print(f"{name} seed {seed}: {said[-2000:]}")
    print(counts)
    return 1 if counts["fault"] else 0


if __name__ == "__main__":
    raise SystemExit(main())

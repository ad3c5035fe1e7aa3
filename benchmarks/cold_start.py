"""What `hnuiseg segment` spends outside the network on a small study: imports, reading, writing.

    .venv/bin/python benchmarks/cold_start.py

A phantom as DICOM (149 x 191 x 218 voxels) with its PET, one pass and ten members, and its CT
alone; all default outputs. Each run is a process of its own, the best of three counts. Writes
benchmarks/results/cold_start.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "cold_start.json"
REPEATS = 3


def child(arguments: list[str], record: Path) -> None:
    """The command line, with the network's own time written to a file."""
    from hnuiseg.cli.main import run

    spent = 0.0
    from hnuiseg.inference import engine

    original = engine.TorchEngine._answer

    def answer(self: engine.TorchEngine, network: object, windows: object) -> object:
        nonlocal spent
        begin = time.perf_counter()
        try:
            return original(self, network, windows)  # type: ignore[arg-type]
        finally:
            spent += time.perf_counter() - begin

    engine.TorchEngine._answer = answer  # type: ignore[assignment, method-assign]
    status = run(arguments)
    record.write_text(str(spent))
    sys.exit(status)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[3:], Path(sys.argv[2]))
    from hnuiseg.cohorts import write_phantom_patient

    result: dict[str, object] = {"machine": f"{os.cpu_count()} cores"}
    with tempfile.TemporaryDirectory() as folder:
        study = str(write_phantom_patient(Path(folder), seed=1) / "study")
        for name, images, options in (
            ("one pass", study, ["--no-uncertainty"]),
            ("ten members", study, []),
            ("CT alone, one pass", f"{study}/ct", ["--no-uncertainty"]),
        ):
            rows = []
            for number in range(REPEATS):
                record = Path(folder) / "seconds"
                out = str(Path(folder) / f"{name} {number}")
                begin = time.perf_counter()
                call = [sys.executable, __file__, "--child", record, "segment", images]
                subprocess.run([*call, "--out", out, *options], check=True, capture_output=True)
                whole, network = time.perf_counter() - begin, float(record.read_text())
                outside = round(whole - network, 2)
                rows.append({"outside the network s": outside, "whole s": round(whole, 2)})
            result[name] = min(rows, key=lambda row: row["outside the network s"])
    text = json.dumps(result, indent=1)
    RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()

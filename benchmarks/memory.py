"""Peak memory and time of a prediction for few and for many members (DESIGN law 9).

    .venv/bin/python benchmarks/memory.py

Each number of members runs in a process of its own, on one phantom with PET; what the process
held before predicting is given apart. Writes benchmarks/results/memory.json.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

MEMBERS = (2, 6)


def _one(members: int) -> None:
    from hnuiseg.cohorts import phantom, phantom_case
    from hnuiseg.inference import PredictOptions, predict
    from hnuiseg.models import load_model

    case, model = phantom_case(phantom(1)), load_model()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    predict(case, model, PredictOptions(members=members))
    print(
        json.dumps(
            {
                "members": members,
                "seconds": round(time.perf_counter() - started, 1),
                "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "peak MiB before predicting": round(before),
                "CT voxels (z, y, x)": list(case.ct.grid.shape),
            }
        )
    )


def main() -> None:
    rows = []
    for members in MEMBERS:
        done = subprocess.run(
            [sys.executable, __file__, str(members)], check=True, capture_output=True, text=True
        )
        rows.append(json.loads(done.stdout))
    first, last = rows[0], rows[-1]
    result = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "runs": rows,
        "ratio of peaks": round(last["peak MiB"] / first["peak MiB"], 3),
        "seconds a further member": round(
            (last["seconds"] - first["seconds"]) / (last["members"] - first["members"]), 1
        ),
    }
    text = json.dumps(result, indent=1)
    Path(__file__).with_name("results").mkdir(exist_ok=True)
    Path(__file__).with_name("results").joinpath("memory.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _one(int(sys.argv[1]))
    else:
        main()

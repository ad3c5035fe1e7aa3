"""Two assessments of the same patients, side by side: paired intervals and tests.

Pairing takes away that patients differ. Patients in whom both leave a class rightly empty tell
nothing. In all others both must count: where one of them is rightly empty that is worth Dice and
NSD 1 and a distance of 0; a distance to nothing is the image's diagonal (DESIGN section 5).
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hnuiseg.errors import InputRefused
from hnuiseg.evaluation import (
    bootstrap_difference,
    by_patient,
    defined,
    holm,
    ratio,
    wilcoxon,
    without_nan,
)
from hnuiseg.training.assess.measure import VALUES

COMPARED = ("dsc", "nsd_2mm", "nsd_5mm", "hd_mm", "hd95_mm")
_SIGNIFICANT = 0.05

_Pair = tuple[str, dict[str, Any], dict[str, Any]]  # patient, and an answer of each


def read_results(path: Path) -> dict[str, Any]:
    """A `results.json` of `hnuiseg assess`; InputRefused where it is none."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
        if not {"format", "model", "data", "summary", "cases"} <= said.keys():
            raise ValueError("it says too little")
        return said
    except (OSError, ValueError, AttributeError) as error:
        raise InputRefused(
            f"{path.name} can't be read ({type(error).__name__})",
            "a results.json of `hnuiseg assess`",
            "name that file",
        ) from error


def compare(first: dict[str, Any], second: dict[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    """Second less first by scan, user, step, class and measure; JSON.

    Of each the paired difference of means with its 95 % interval, Wilcoxon's p, and Holm's over
    all of them. InputRefused where the patients, their voxels or what was measured differ.
    """
    pairs = list(_pairs(first, second))
    found: list[dict[str, Any]] = []
    for scan, user, step in dict.fromkeys(_which(row) for _, row, _ in pairs):
        chosen = [pair for pair in pairs if _which(pair[1]) == (scan, user, step)]
        for name, _ in VALUES:
            for measure in COMPARED:
                row = {"scan": scan, "user": user, "step": step, "class": name, "measure": measure}
                found.append(row | _compared(chosen, name, measure, seed))
    adjusted = holm([float(row["p"]) for row in found])
    for row, p in zip(found, adjusted, strict=True):
        row |= {"p_holm": p, "differs": p < _SIGNIFICANT}
    return [without_nan(row) for row in found]


def comparison_text(rows: Sequence[dict[str, Any]]) -> str:
    """The rows for a person, one a line."""
    lines = []
    for row in rows:
        what = f"{row['scan']}, {row['user']} step {row['step']}, {row['class']}, {row['measure']}"
        apart = row["difference"]
        if apart is None:
            lines.append(f"{what}: no patient has it")
            continue
        low, high = (math.nan if apart[end] is None else apart[end] for end in ("low", "high"))
        lines.append(
            f"{what}: {apart['value']:+.3f} [{low:+.3f}, {high:+.3f}], {row['patients']} patients, "
            f"p {row['p']:.3g}, Holm {row['p_holm']:.3g}{' *' if row['differs'] else ''}"
        )
    return "\n".join(lines)


def _compared(pairs: Sequence[_Pair], name: str, measure: str, seed: int) -> dict[str, Any]:
    patients, scores = [], []
    for patient, *rows in pairs:
        both = [(row["classes"][name], row["diagonal_mm"]) for row in rows]
        if any(measured["state"] != "correctly empty" for measured, _ in both):
            patients.append(patient)
            scores.append([_score(measured, measure, diagonal) for measured, diagonal in both])
    if not scores:
        return {"patients": 0, "difference": None, "p": math.nan}
    first, second = (by_patient(defined([pair[k] for pair in scores]), patients) for k in range(2))
    return {
        "patients": len(first),
        "difference": asdict(bootstrap_difference(second, first, seed=seed)),
        "p": wilcoxon(ratio(second).tolist(), ratio(first).tolist()),
    }


def _score(measured: dict[str, Any], measure: str, diagonal_mm: float) -> float:
    """What a measure counts in a comparison of pairs."""
    is_distance = measure.endswith("_mm")
    if measured["state"] == "correctly empty":
        return 0.0 if is_distance else 1.0
    return diagonal_mm if measured[measure] is None else float(measured[measure])


def _pairs(first: dict[str, Any], second: dict[str, Any]) -> Iterator[_Pair]:
    if first["format"] != second["format"]:
        raise InputRefused(
            f"results of formats {first['format']} and {second['format']}, measured by other rules",
            "two of the same format",
            "assess the older one again",
        )
    if first["data"]["sha256"] != second["data"]["sha256"] or _said(first) != _said(second):
        raise InputRefused(
            "assessments of other patients, users or kinds of scan",
            "two models on the same part of the same data sets, with the same users",
            "assess both with the same --data, --part, --fold, --user and --scan",
        )
    others = {
        (case["case"], *_which(row)): row for case in second["cases"] for row in case["answers"]
    }
    for case in first["cases"]:
        for row in case["answers"]:
            yield case["patient"], row, others[(case["case"], *_which(row))]


def _said(results: dict[str, Any]) -> list[tuple[str, tuple[str, str, int]]]:
    return [(case["case"], _which(row)) for case in results["cases"] for row in case["answers"]]


def _which(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["scan"], row["user"], row["step"]

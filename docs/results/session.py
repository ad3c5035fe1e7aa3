"""What clicks bring within a session, held against what was asked: from one assessment.

    .venv/bin/python docs/results/session.py ASSESSMENT OUT

ASSESSMENT is a folder of `hnuiseg assess --within-region` with every user. Writes OUT/session.md
and OUT/session.json.

A class counts in a patient where the truth or one of the compared answers has it; one that rightly
has none is then worth a Dice of 1, so that a false lesion that a click removes is a gain. Scans of
one patient are averaged, and patients are paired.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hnuiseg.evaluation import Interval, bootstrap_difference, by_patient, defined, ratio, wilcoxon
from hnuiseg.files import atomic_write

Answer = tuple[str, int]  # user, step
AUTOMATIC: Answer = ("automatic", 0)
IDEAL, DELETING = (
    [AUTOMATIC, *((user, step) for step in range(1, 6))] for user in ("corrective", "deleting")
)
SCANS, CLASSES = ("PET/CT", "CT"), ("GTVp", "GTVn")
FAR_MM = 40.0  # no click changes anything farther away than that

HOW = """
**Research use only.** {patients} semi-synthetic test patients of `{model}`, whose tumours are
planted in real CTs: what is said here says nothing about patients. *CT*: both scans of each, the
PET hidden. Every click changes its own region and nothing else, as in a session.

A class counts in a patient where the truth or a compared answer has it; rightly empty is then worth
a Dice of 1, so that deleting an invention is a gain. These means are therefore others than those of
[the model's own tables](semi-synthetic-plus.md). In brackets 95 % intervals over patients; p is
Wilcoxon's, paired by patient.
"""
COMMAND = """
```sh
{command}
.venv/bin/python docs/results/session.py FOLDER docs/results
```

[session.json](session.json) has every scan's figures.
"""


@dataclass(frozen=True)
class Cohort:
    """Every answer to every scan of one kind, of one class."""

    rows: dict[str, dict[Answer, dict[str, Any]]]  # by case
    patient: dict[str, str]

    def dice(self, answers: Sequence[Answer]) -> list[np.ndarray]:
        """Of each answer a row for each patient, as `evaluation.ratio` wants it."""
        own = [
            case
            for case, said in self.rows.items()
            if any(said[a]["state"] != "correctly empty" for a in answers)
        ]
        patients = [self.patient[case] for case in own]
        return [
            by_patient(defined([score(self.rows[case][a]) for case in own]), patients)
            for a in answers
        ]


def score(measured: dict[str, Any]) -> float:
    """Dice; 1 where nothing is there and nothing was drawn."""
    return 1.0 if measured["state"] == "correctly empty" else float(measured["dsc"])


def cohort(results: dict[str, Any], scan: str, name: str) -> Cohort:
    """One class of one kind of scan."""
    rows: dict[str, dict[Answer, dict[str, Any]]] = {}
    for case in results["cases"]:
        for row in case["answers"]:
            if row["scan"] == scan:
                where = rows.setdefault(case["case"], {})
                where[(row["user"], row["step"])] = row["classes"][name]
    return Cohort(rows, {case["case"]: case["patient"] for case in results["cases"]})


def mean(rows: np.ndarray) -> float:
    """Over patients."""
    return float(ratio(rows).mean())


def each(results: dict[str, Any]) -> Iterator[tuple[str, str, Cohort]]:
    """All four."""
    for scan in SCANS:
        for name in CLASSES:
            yield scan, name, cohort(results, scan, name)


def apart(first: np.ndarray, second: np.ndarray) -> Interval:
    """Mean over patients of first less second."""
    one, other = (np.stack([ratio(r), np.ones(len(r))], axis=-1) for r in (first, second))
    return bootstrap_difference(one, other)


def said(found: Interval) -> str:
    """In points of Dice."""
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def verdict(fine: bool) -> str:
    """A word."""
    return "yes" if fine else "**no**"


def begun(title: str, asked: str, head: str) -> list[str]:
    """A section up to its table's first row."""
    return [f"## {title}", "", asked, "", head, "|" + "---|" * (head.count("|") - 1)]


def each_lesion(results: dict[str, Any]) -> list[str]:
    """One click a lesion against none."""
    lines = begun(
        "One click in each lesion",
        "Points of Dice more than without a click; asked from the CT alone: 5 for both classes. "
        "*Alone*: then what nobody clicked is deleted in one edit.",
        "| scan | class | one click | reached | alone |",
    )
    for scan, name, of in each(results):
        none, one, alone = of.dice([AUTOMATIC, ("each-lesion", 1), ("each-lesion-alone", 1)])
        gain = apart(one, none)
        reached = verdict(gain.value >= 0.05) if scan == "CT" else "not asked"
        lines.append(f"| {scan} | {name} | {said(gain)} | {reached} | {said(apart(alone, none))} |")
    return lines


def step_by_step(results: dict[str, Any]) -> list[str]:
    """Corrective clicks, one a class and step."""
    lines = begun(
        "Corrective clicks, one a class in each step",
        "Mean Dice after so many clicks a class. Asked: no step loses more than 0.3 points, and "
        "five beat one.",
        "| scan | class | 0 | 1 | 2 | 3 | 4 | 5 | worst step | five less one | p | reached |",
    )
    for scan, name, of in each(results):
        rows = of.dice(IDEAL)
        means = [mean(one) for one in rows]
        worst = min(b - a for a, b in pairwise(means))
        p = wilcoxon(ratio(rows[5]).tolist(), ratio(rows[1]).tolist())
        fine = worst >= -0.003 and means[5] > means[1] and p < 0.05
        shown = " | ".join(f"{one:.3f}" for one in means)
        gain = f"{100 * worst:+.1f} | {said(apart(rows[5], rows[1]))}"
        lines.append(f"| {scan} | {name} | {shown} | {gain} | {p:.2g} | {verdict(fine)} |")
    return lines


def deleting(results: dict[str, Any]) -> list[str]:
    """Lesions that are wholly invented deleted, instead of a click that says no in them."""
    lines = begun(
        "Whoever deletes what is wholly invented",
        "The same five acts a class, but what is wholly invented is deleted first, the largest "
        "first, as the list of lesions offers it; then clicks at the largest errors. Mean Dice, "
        "and points more than with clicks alone after five.",
        "| scan | class | 0 | 1 | 2 | 3 | 4 | 5 | more than clicks alone |",
    )
    for scan, name, of in each(results):
        *rows, clicks = of.dice([*DELETING, IDEAL[-1]])
        shown = " | ".join(f"{mean(one):.3f}" for one in rows)
        lines.append(f"| {scan} | {name} | {shown} | {said(apart(rows[-1], clicks))} |")
    return lines


def distances(results: dict[str, Any]) -> list[str]:
    """HD where the automatic answer had something far from the truth."""
    lines = begun(
        "Hausdorff distance where something was far off",
        "Scans in which the automatic answer invented something and its HD was over "
        f"{FAR_MM:.0f} mm, which is farther than a click reaches. Median HD in mm; a class that is "
        "rightly empty in the end counts 0. Asked after five corrective clicks a class: at most "
        "10. *Alone*: one click a lesion, and all else deleted. *Deleting*: five acts a class, of "
        "which the first delete what is wholly invented.",
        "| scan | class | scans | automatic | five clicks a class | reached "
        "| one a lesion, alone | deleting |",
    )
    for scan, name, of in each(results):
        far = [
            one
            for one in of.rows.values()
            if one[AUTOMATIC]["lesions_by_overlap"]["invented"]
            and (one[AUTOMATIC]["hd_mm"] or 0) > FAR_MM
        ]
        if not far:
            lines.append(f"| {scan} | {name} | 0 | | | nothing to measure | | |")
            continue
        before, after, alone, deleted = (
            float(np.median([distance(one[answer]) for one in far]))
            for answer in (AUTOMATIC, IDEAL[-1], ("each-lesion-alone", 1), DELETING[-1])
        )
        shown = f"{len(far)} | {before:.1f} | {after:.1f} | {verdict(after <= 10)}"
        lines.append(f"| {scan} | {name} | {shown} | {alone:.1f} | {deleted:.1f} |")
    return lines


def distance(measured: dict[str, Any]) -> float:
    """HD in mm; 0 for rightly empty, and beyond all bounds where one of both is empty."""
    if measured["state"] == "correctly empty":
        return 0.0
    return np.inf if measured["hd_mm"] is None else float(measured["hd_mm"])


def unsteady(results: dict[str, Any]) -> list[str]:
    """A hand that slips and is sometimes wrong."""
    lines = begun(
        "An unsteady hand",
        "Off by 3 mm along each axis (standard deviation), and wrong one time in twenty, against "
        "the same user without fault; points of Dice after five clicks a class. Asked: at most 3 "
        "lost.",
        "| scan | class | difference | reached |",
    )
    for scan, name, of in each(results):
        ideal, human = of.dice([("corrective", 5), ("unsteady", 5)])
        found = apart(human, ideal)
        lines.append(f"| {scan} | {name} | {said(found)} | {verdict(found.value >= -0.03)} |")
    return lines


def guided(results: dict[str, Any]) -> list[str]:
    """Clicks where the session suggests them."""
    lines = begun(
        "Where the session suggests",
        "Ten clicks at the places that `suggest` ranks first; the truth says only what is there. "
        "Points of Dice gained on the automatic answer, as the truth-driven user's ten gain them "
        "and as ten at random places of the predicted border and middles do. Asked: 70 % of the "
        "former, more than the latter.",
        "| scan | class | truth-driven | suggested | share | random places | suggested less random "
        "| reached |",
    )
    users = [AUTOMATIC, ("corrective", 5), ("suggested", 5), ("predicted-places", 5)]
    for scan, name, of in each(results):
        none, best, ours, chance = of.dice(users)
        gains = [mean(rows) - mean(none) for rows in (best, ours, chance)]
        share = gains[1] / gains[0] if gains[0] > 0 else np.nan
        fine = share >= 0.7 and gains[1] > gains[2]
        shown = [f"{100 * gain:+.1f}" for gain in gains]
        lines.append(
            f"| {scan} | {name} | {shown[0]} | {shown[1]} | {100 * share:.0f} % | {shown[2]} "
            f"| {said(apart(ours, chance))} | {verdict(fine)} |"
        )
    return lines


PARTS: tuple[Callable[[dict[str, Any]], list[str]], ...] = (
    each_lesion,
    step_by_step,
    deleting,
    distances,
    unsteady,
    guided,
)


def kept(results: dict[str, Any]) -> dict[str, Any]:
    """The assessment without what this page doesn't use, and no larger than it must be."""
    measures = ("state", "dsc", "nsd_2mm", "nsd_5mm", "hd_mm", "hd95_mm", "lesions_by_overlap")
    cases = [
        {
            "case": case["case"],
            "patient": case["patient"],
            "answers": [
                {key: row[key] for key in ("scan", "user", "step", "clicks")}
                | {
                    "classes": {
                        name: {m: row["classes"][name][m] for m in measures} for name in CLASSES
                    }
                }
                for row in case["answers"]
            ],
        }
        for case in results["cases"]
    ]
    names = ("model", "data", "options", "command", "machine", "software", "patients")
    return {name: results[name] for name in names} | {"cases": cases}


def main() -> None:
    """Both files."""
    results = json.loads((Path(sys.argv[1]) / "results.json").read_text())
    out = Path(sys.argv[2])
    lines = ["# Clicks within a session", HOW.strip("\n")]
    lines[1] = lines[1].format(patients=results["patients"], model=results["model"]["name"])
    for part in PARTS:
        lines += ["", *part(results)]
    lines += [COMMAND.format(command=results["command"]).rstrip("\n")]
    atomic_write(out / "session.json", (json.dumps(kept(results), indent=None) + "\n").encode())
    text = "\n".join([lines[0], "", *lines[1:]])
    atomic_write(out / "session.md", (text + "\n").encode())
    print(text)


if __name__ == "__main__":
    main()

"""Names of regions in a cohort, for a person to confirm before anything is trained on them.

No rule tells primary from node in every hospital's names, so a person looks at the table and at
the pattern file (`--roi-names`) first.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hnuiseg.cohorts.drawings import StructureSet, structure_sets
from hnuiseg.cohorts.listing import Cohort, LeftOut
from hnuiseg.dicom import (
    RoiNames,
    map_roi_names,
    roi_name_rules,
)

_ORDER = ("GTVp", "GTVn", "GTVp, not certain", "GTVn, not certain", "both, left out", "left out")


@dataclass(frozen=True, slots=True)
class RegionTable:
    """What the regions of a cohort are called, and what a pattern file makes of that."""

    counts: Mapping[str, int]  # ROI name: in how many cases
    names: RoiNames
    cases: int
    left_out: tuple[LeftOut, ...]  # cases without an RTSTRUCT, and files that can't be read


def region_names(cohort: Cohort, roi_names: Path | None = None) -> RegionTable:
    """Every region's name in all RTSTRUCTs of a cohort; contours and images aren't read."""
    rules = roi_name_rules(roi_names)
    counts, left_out = Counter[str](), list[LeftOut]()
    for case in cohort.cases:
        found, lost = list[StructureSet](), list[LeftOut]()
        for source in case.sources:
            more, unread = structure_sets(source)
            found += more
            lost += unread
        counts.update({name for one in found for name in one.names})
        left_out += [LeftOut(case.name, f"{one.name}: {one.why}") for one in lost]
        if not found and not lost:
            left_out.append(LeftOut(case.name, "no RTSTRUCT"))
    return RegionTable(
        counts, map_roi_names(sorted(counts), rules), len(cohort.cases), tuple(left_out)
    )


def patterns_said(roi_names: Path | None) -> str:
    """Names a pattern file by its rules; InputRefused where it can't be used."""
    rules = roi_name_rules(roi_names)
    said = [(r.region, r.certain, [p.pattern for p in r.patterns]) for r in rules]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def described(table: RegionTable) -> str:
    """Lines for a person to confirm: what is read as which, the most frequent names first."""
    rows = [(meaning_of(name, table.names), -n, name) for name, n in table.counts.items()]
    rows.sort(key=lambda row: (_ORDER.index(row[0]), *row[1:]))
    shown = [(str(-n), _printable(name), meaning) for meaning, n, name in rows]
    width = max([len(name) for _, name, _ in shown] + [len("region")])
    lines = [f"{len(shown)} names of regions in {table.cases} cases"]
    lines += [
        f"{count:>5}  {name:<{width}}  {meaning}"
        for count, name, meaning in [("cases", "region", "read as"), *shown]
    ]
    lines += [f"no names from {one.name}: {one.why}" for one in table.left_out]
    return "\n".join(line.rstrip() for line in lines)


def meaning_of(name: str, names: RoiNames) -> str:
    """What becomes of a region, in words."""
    if name in names.doubtful:
        return f"{names.doubtful[name]}, not certain"
    return names.certain.get(name) or ("both, left out" if name in names.both else "left out")


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)

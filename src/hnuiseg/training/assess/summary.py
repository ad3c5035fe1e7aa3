"""From every case's measures to a cohort's figures, with intervals over patients."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from hnuiseg.evaluation import (
    STATES,
    Interval,
    bootstrap,
    bootstrap_difference,
    by_patient,
    defined,
    ece_of,
    or_nan,
    without_nan,
)
from hnuiseg.training.assess.measure import VALUES
from hnuiseg.training.assess.options import AssessOptions
from hnuiseg.training.assess.users import USERS

MEANS = ("dsc", "dsc_with_rims", "nsd_2mm", "nsd_5mm", "hd_mm", "hd95_mm", "hd_with_255_mm")
LESIONS = ("lesions_by_overlap", "lesions_by_iou")
KINDS = ("as they are", "calibrated")
DEFINITIONS = {
    "where": "on each case's own CT grid against its stored truth; voxels of truth 255 are in no "
    "measure, and what was predicted in them is counted apart; so is, but for calibration and "
    "ranking, all of a predicted lesion of which three quarters lie in 255 and that holds no voxel "
    "of a true one",
    "Dice": "2 |A ∩ B| / (|A| + |B|); mean over patients in whom it is defined (truth or "
    "prediction has the class); 0 where one of them is empty",
    "Dice with rims": "the same with what such lesions have outside 255 counted as invented",
    "NSD": "share of surface voxels of both within the tolerance (2 or 5 mm) of the other's",
    "HD": "greatest distance in mm between surface voxels either way; HD95: the greater of the two "
    "directed 95th percentiles; undefined, and in no mean, where one is empty",
    "HD with 255": "the same with truth 255 counted as background",
    "DSCagg": "twice the summed intersections by the summed volumes over all patients",
    "F1": "2 found / (2 found + missed + invented) over the 26-connected lesions of all patients, "
    "found by any overlap or by IoU > 0.30",
    "ECE": "15 bins, voxels within 15 mm of prediction ∪ truth of the class, pooled over patients; "
    "probabilities are the members' mean; Brier: mean squared error of the same",
    "AURC": "area under the risk-coverage curve within 15 mm of either class, mean over patients; "
    "lower is better; members and one pass rank the same errors by entropy",
    "interval": "95 %, percentile bootstrap over patients, 10,000 resamples",
}

Rows = Float[np.ndarray, "cases terms"]


def summary(cases: Sequence[dict[str, Any]], options: AssessOptions) -> list[dict[str, Any]]:
    """An entry for each kind of scan, user and measured step that a case has; JSON."""
    found = []
    for scan in options.scans:
        for user in options.users:
            for step in USERS[user].measured_after:
                rows = [
                    (case["patient"], row)
                    for case in cases
                    for row in case["answers"]
                    if (row["scan"], row["user"], row["step"]) == (scan, user, step)
                ]
                if rows:
                    found.append(
                        {"scan": scan, "user": user, "step": step, **_entry(rows, options.seed)}
                    )
    return found


def _entry(rows: Sequence[tuple[str, dict[str, Any]]], seed: int) -> dict[str, Any]:
    patients = [patient for patient, _ in rows]
    answers = [answer for _, answer in rows]
    of = _Figures(patients, seed)
    return {
        "patients": len(set(patients)),
        "cases": len(rows),
        "clicks": float(np.mean([answer["clicks"] for answer in answers])),
        "classes": {name: of.one_class(name, answers) for name, _ in VALUES},
        "ranking": of.ranking([answer["ranking"] for answer in answers]),
    }


class _Figures:
    """Sums over the cases of each patient, resampled by patient."""

    def __init__(self, patients: Sequence[str], seed: int) -> None:
        self.patients = patients
        self.seed = seed

    def one_class(self, name: str, answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
        measures = [answer["classes"][name] for answer in answers]
        return {
            "states": {state: sum(one["state"] == state for one in measures) for state in STATES},
            "means": {measure: self._mean([one[measure] for one in measures]) for measure in MEANS},
            "dsc_agg": self._ratio(
                [
                    (2 * one["intersection_ml"], one["prediction_ml"] + one["truth_ml"])
                    for one in measures
                ]
            ),
            **{kind: self._lesions([one[kind] for one in measures]) for kind in LESIONS},
            "in_255": {
                "ml": sum(one["in_255_ml"] for one in measures),
                "lesions": sum(one["lesions_in_255"] for one in measures),
                "cases": sum(one["in_255_ml"] > 0 for one in measures),
            },
            "calibration": None
            if answers[0]["calibration"] is None
            else self._calibration([answer["calibration"][name] for answer in answers]),
        }

    def ranking(self, found: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
        given = [one for one in found if one is not None]
        if not given:
            return None
        members, one_pass, perfect = (
            self._rows(defined([or_nan(one[which]) for one in given]))
            for which in ("members", "one pass", "perfect")
        )
        return {
            "members": _json(bootstrap(members, seed=self.seed)),
            "one pass": _json(bootstrap(one_pass, seed=self.seed)),
            "members less one pass": _json(bootstrap_difference(members, one_pass, seed=self.seed)),
            "perfect": _json(bootstrap(perfect, seed=self.seed)),
            "defined": sum(one["members"] is not None for one in given),
        }

    def _mean(self, values: Sequence[float | None]) -> dict[str, Any]:
        rows = self._rows(defined([or_nan(value) for value in values]))
        there = sum(value is not None for value in values)
        return _json(bootstrap(rows, seed=self.seed)) | {"defined": there}

    def _lesions(self, counts: Sequence[dict[str, int]]) -> dict[str, Any]:
        f1 = self._ratio(
            [(2 * c["found"], 2 * c["found"] + c["missed"] + c["invented"]) for c in counts]
        )
        sums = {kind: sum(c[kind] for c in counts) for kind in ("found", "missed", "invented")}
        return sums | {"f1": f1}

    def _calibration(self, sums: Sequence[dict[str, list[float] | None]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind in KINDS:
            if any(one[kind] is None for one in sums):
                found[kind] = None
                continue
            rows = self._rows(np.array([one[kind] for one in sums], dtype=np.float64))
            found[kind] = {
                "ece": _json(bootstrap(rows, ece_of, seed=self.seed)),
                "brier": _json(bootstrap(rows[:, -2:], seed=self.seed)),
                "voxels": int(rows[:, -1].sum()),
            }
        return found

    def _ratio(self, terms: Sequence[tuple[float, float]]) -> dict[str, Any]:
        return _json(bootstrap(self._rows(np.array(terms, dtype=np.float64)), seed=self.seed))

    def _rows(self, rows: Rows) -> Rows:
        return by_patient(rows, self.patients)


def _json(interval: Interval) -> dict[str, Any]:
    return without_nan(asdict(interval))

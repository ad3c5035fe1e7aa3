"""`Result`: what a segmentation came to, for machines (result.json) and for people."""

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from hnuiseg.dicom import SuvFactor
from hnuiseg.export.measure import Lesion, Total
from hnuiseg.export.uptake import Uptake
from hnuiseg.inference import CLASSES, NotDrawn
from hnuiseg.models import Card
from hnuiseg.study.case import Notice, Provenance

FORMAT = 1
APPROVAL = "UNAPPROVED"  # always: the planning system approves (DESIGN §5)


@dataclass(frozen=True, slots=True)
class NotWritten:
    """An output that was asked for and has no sense here, with the reason."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Voting:
    """How many members saw the voxels; voxels with fewer than two are not sampled."""

    fewest: int
    most: int
    not_sampled_voxels: int
    not_sampled_share: float  # of all voxels


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that result.json and the report say. Names no patient."""

    software: str
    created: datetime
    elapsed_s: float  # from the start of reading to `created`
    provenance: Provenance
    notices: tuple[Notice, ...]
    suv: SuvFactor | None  # None: from the CT alone
    card: Card
    settings: dict[str, str]
    members: int
    seed: int
    voting: Voting | None  # None: one deterministic pass
    lesions: tuple[Lesion, ...]
    totals: tuple[Total, ...]
    not_drawn: tuple[NotDrawn, ...]  # that reach too little for the model
    files: tuple[str, ...]  # names within the output folder
    not_written: tuple[NotWritten, ...]
    uptake_outside: tuple[Uptake, ...]  # high uptake beyond what was searched; not contoured

    @property
    def mode(self) -> str:
        """What the answer rests on: "PET/CT" or "CT"."""
        return "CT" if self.suv is None else "PET/CT"

    def verdict(self) -> str:
        """One line: what was found."""
        if not self.lesions:
            return "No tumour found"
        count = len(self.lesions)
        parts = [
            f"{t.lesions} {t.class_name} ({t.volume_ml:.1f} ml)"
            if t.lesions
            else f"no {t.class_name}"
            for t in self.totals
        ]
        return f"{count} lesion{'s' if count > 1 else ''} found: {', '.join(parts)}"

    def not_drawn_said(self) -> str:
        """What was too doubtful to be drawn, in a line; empty where nothing was."""
        if not self.not_drawn:
            return ""
        parts = []
        for name in CLASSES[1:]:
            own = [one.volume_ml for one in self.not_drawn if one.class_name == name]
            if own:
                parts.append(f"{len(own)} {name} (largest {max(own):.2f} ml)")
        listed = ", ".join(parts)
        return f"Not drawn, as too small or too doubtful for this model to be believed: {listed}"

    def to_json(self) -> str:
        """JSON with keys in a fixed order, numbers to nine digits, and never NaN."""
        suv = None
        if self.suv is not None:
            suv = {**asdict(self.suv), "factors": sorted(set(self.suv.factors))}
        described = {
            "format": FORMAT,
            "software": self.software,
            "research_use_only": True,
            "approval": APPROVAL,
            "verdict": self.verdict(),
            "mode": self.mode,
            "created": stamp(self.created),
            "elapsed_s": self.elapsed_s,
            "warnings": [asdict(notice) for notice in self.notices],
            "lesions": [_lesion(lesion) for lesion in self.lesions],
            "totals": {t.class_name: _total(t) for t in self.totals},
            "not_drawn": [asdict(component) for component in self.not_drawn],
            "uptake_outside": [asdict(uptake) for uptake in self.uptake_outside],
            "provenance": asdict(self.provenance),
            "suv": suv,
            "model": {**asdict(self.card), "sha256": self.settings.get("model sha256")},
            "settings": dict(sorted(self.settings.items())),
            "members": self.members,
            "seed": self.seed,
            "voting": None if self.voting is None else asdict(self.voting),
            "files": list(self.files),
            "not_written": {n.name: n.reason for n in self.not_written},
        }
        text = json.dumps(_rounded(described), indent=2, ensure_ascii=False, allow_nan=False)
        return text + "\n"

    def summary(self) -> str:
        """A few lines for people."""
        source = "PET and CT" if self.mode == "PET/CT" else "the CT alone"
        lines = [f"{self.verdict()}, from {source}"]
        lines += [f"  {_row(lesion)}" for lesion in self.lesions[:_ROWS]]
        if len(self.lesions) > _ROWS:
            lines.append(f"  and {len(self.lesions) - _ROWS} more, in result.json and the report")
        if self.not_drawn:
            lines.append(f"  {self.not_drawn_said()}")
        lines += [f"warning: {notice.text}" for notice in self.notices]
        told = [self.settings[name] for name in ("device", "precision", "torch threads")]
        lines.append(f"computed on: {', '.join(told)} threads, in {self.elapsed_s:.0f} s")
        lines.append(f"written: {', '.join(self.files)}")
        lines += [f"not written: {n.name} ({n.reason})" for n in self.not_written]
        lines.append("Research use only: a doctor must check every contour.")
        return "\n".join(lines)


_ROWS = 20  # lesions a person reads on a screen; a wrong model can find hundreds of specks


def stamp(moment: datetime) -> str:
    """ISO 8601 to the second with its zone, or marked as local."""
    text = moment.isoformat(timespec="seconds")
    return text if moment.tzinfo else f"{text} (local)"


def _row(lesion: Lesion) -> str:
    row = f"{lesion.class_name} {lesion.number:<3d} {lesion.volume_ml:8.2f} ml"
    if lesion.pet is not None:
        row += f"  SUVmax {lesion.pet.suv_max:5.1f}  SUVmean {lesion.pet.suv_mean:5.1f}"
    row += f"  probability {lesion.mean_probability:.2f}  entropy {lesion.mean_entropy:.2f}"
    return row + ("  below 0.1 ml" if lesion.below_0_1_ml else "")


def _lesion(lesion: Lesion) -> dict[str, Any]:
    described = {"class": lesion.class_name, **_without(lesion, "class_name", "pet")}
    return {**described, "pet": None if lesion.pet is None else asdict(lesion.pet)}


def _total(total: Total) -> dict[str, Any]:
    described = _without(total, "class_name", "metabolic")
    return {**described, "metabolic": [asdict(m) for m in total.metabolic]}


def _without(value: Lesion | Total, *names: str) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value) if f.name not in names}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")  # digits, not decimals: an SUV factor is about 3e-4
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value

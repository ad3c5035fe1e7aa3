"""Which series of a folder are the CT and the PET of the case.

Nothing is preferred by size, date or name: where the files don't single out one CT and at most
one PET, the study is refused and the user says which by giving a smaller folder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom.uid import DeformableSpatialRegistrationStorage, SpatialRegistrationStorage

from hnuiseg.dicom import (
    Join,
    Scan,
    SeriesHeaders,
    SpatialRegistration,
    one_join,
    read_registration,
    spatial_registration,
)
from hnuiseg.errors import InputRefused
from hnuiseg.study.case import Notice
from hnuiseg.study.options import Stated

_REGISTRATIONS = {SpatialRegistrationStorage, DeformableSpatialRegistrationStorage}
_ONE_CT = "point at a folder with one CT series (and the PET that belongs to it)"
_CT_ONLY = "segment from the CT alone with --ct-only"


@dataclass(frozen=True, slots=True)
class Choice:
    """The series chosen, and for every other one why it isn't used.

    With refusals the study can't be read; `ct` and `pet` are then what could be singled out.
    """

    ct: SeriesHeaders | None
    pet: SeriesHeaders | None
    ignored: dict[SeriesHeaders, str]  # and why; not by UID, which parts of a series share
    notices: tuple[Notice, ...]
    refusals: tuple[InputRefused, ...]
    join: Join | None = None  # of the PET to the CT; None where they share a frame of reference


def choose(scan: Scan, stated: Stated) -> Choice:
    """The one CT, and the one attenuation-corrected PET of its frame of reference, or none.

    A PET of another frame of reference is taken where a registration joins the two: one in
    the folder, or the one that is stated.
    """
    ignored: dict[SeriesHeaders, str] = {}
    notices: list[Notice] = []
    cts = _images(scan, "CT", ignored, notices)
    pets = _images(scan, "PT", ignored, notices if not stated.ct_only else [])
    for series in scan.series:
        if series.modality not in ("CT", "PT"):
            ignored[series] = f"modality {series.modality or 'not given'} is not segmented"
    refusals: list[InputRefused] = []
    if stated.ct_only:
        ignored |= dict.fromkeys(pets, "--ct-only was asked for")
        pets = []
    pets = _corrected(pets, ignored, notices, refusals)
    ct = _one_ct(cts, pets, scan, ignored, notices, refusals)
    joins = _Joins(scan, stated, ignored)
    pet, join = _one_pet(pets, ct, joins, ignored, notices, refusals)
    if pet is None and not stated.ct_only and not refusals:
        notices += _unusable_pets(scan, ignored)
    notices += _parted(scan, ct, pet)
    notices += _unused(stated, pet, join)
    return Choice(ct, pet, ignored, tuple(notices), tuple(refusals), join)


def title(series: SeriesHeaders) -> str:
    """A series in words: its description, how many slices, the end of its UID."""
    called = f'"{series.description}"' if series.description else "without description"
    return f"{called} ({len(series.paths)} slices, series ...{series.uid[-8:]})"


def _titles(several: Iterable[SeriesHeaders]) -> str:
    return ", ".join(sorted(title(s) for s in several))


def _unusable_pets(scan: Scan, ignored: dict[SeriesHeaders, str]) -> list[Notice]:
    """A warning where there is a PET, but none that can be read: not the same as no PET."""
    why = "; ".join(f"{title(s)}: {ignored[s]}" for s in scan.series if s.modality == "PT")
    return [Notice("pet-ignored", f"PET was left out: {why}.")] if why else []


def _parted(scan: Scan, ct: SeriesHeaders | None, pet: SeriesHeaders | None) -> Iterator[Notice]:
    """A warning for images parted from a series that is used: the image may lack its end."""
    used = {s.uid for s in (ct, pet) if s is not None}
    for series in scan.series:
        if series.split_off is not None and series.uid in used:
            text = f"Left out of a series that is used: {title(series)}, {series.split_off}."
            yield Notice("series-parted", text)


def _unused(stated: Stated, pet: SeriesHeaders | None, join: Join | None) -> Iterator[Notice]:
    """A warning for what was stated and is of no use; a weight beside a PET is SUV's affair."""
    if stated.weight_kg is not None and pet is None:
        text = "The weight stated with --weight-kg is unused: no PET is read."
        yield Notice("weight-unused", text)
    if stated.registration is not None and join is None:
        why = "no PET is read" if pet is None else "CT and PET share a frame of reference"
        yield Notice("registration-unused", f"The file of --registration is unused: {why}.")


def _images(
    scan: Scan, modality: str, ignored: dict[SeriesHeaders, str], notices: list[Notice]
) -> list[SeriesHeaders]:
    """Series of images of a modality, without scouts, captures and single slices."""
    found = []
    for series in scan.series:
        if series.modality != modality:
            continue
        if not series.is_image or series.excluded_because:
            ignored[series] = series.excluded_because or "not a series of images"
        else:
            found.append(series)
    many = [s for s in found if len(s.paths) > 1]
    lone = [s for s in found if len(s.paths) == 1]
    if many and lone:  # perhaps a scout that doesn't say so; alone it is the study, and refused
        ignored |= dict.fromkeys(lone, "only one slice")
        text = f"{modality} of only one slice was left out: {_titles(lone)}."
        notices.append(Notice("single-slice-ignored", text))
        return many
    return found


def _corrected(
    pets: list[SeriesHeaders],
    ignored: dict[SeriesHeaders, str],
    notices: list[Notice],
    refusals: list[InputRefused],
) -> list[SeriesHeaders]:
    """PETs with attenuation correction; where there is none, that is refused."""
    corrected = [p for p in pets if "ATTN" in p.corrected_image]
    others = [p for p in pets if "ATTN" not in p.corrected_image]
    if not others:
        return corrected
    ignored |= dict.fromkeys(others, "not corrected for attenuation")
    if corrected:
        text = f"PET not corrected for attenuation was left out: {_titles(others)}."
        notices.append(Notice("pet-uncorrected-ignored", text))
    else:
        refusals.append(
            InputRefused(
                f"the PET {_titles(others)} isn't corrected for attenuation: "
                "no ATTN in Corrected Image (0028,0051)",
                "a PET with ATTN",
                f"add the corrected series, or {_CT_ONLY}",
            )
        )
    return corrected


def _one_ct(
    cts: list[SeriesHeaders],
    pets: list[SeriesHeaders],
    scan: Scan,
    ignored: dict[SeriesHeaders, str],
    notices: list[Notice],
    refusals: list[InputRefused],
) -> SeriesHeaders | None:
    if not cts:
        refusals.append(_no_ct(scan, ignored))
        return None
    if len(cts) == 1:
        return cts[0]
    frames = {p.frame_of_reference for p in pets} - {""}
    with_pet = [c for c in cts if c.frame_of_reference in frames]
    if len(with_pet) == 1:
        rest = [c for c in cts if c is not with_pet[0]]
        ignored |= dict.fromkeys(rest, "another CT shares the PET's frame of reference")
        text = (
            f"Of {len(cts)} CT series, {title(with_pet[0])} was taken: "
            "it alone shares the PET's frame of reference."
        )
        notices.append(Notice("ct-chosen", text))
        return with_pet[0]
    ignored |= dict.fromkeys(cts, "one of several CTs")
    refusals.append(InputRefused(f"{len(cts)} CT series: {_titles(cts)}", "one CT series", _ONE_CT))
    return None


def _no_ct(scan: Scan, ignored: dict[SeriesHeaders, str]) -> InputRefused:
    if not scan.series:
        return InputRefused("no DICOM images in the folder", "a PET/CT or CT study", _ONE_CT)
    left_out = [s for s in scan.series if s.modality == "CT"]
    if left_out:
        why = "; ".join(f"{title(s)}: {ignored[s]}" for s in left_out)
        return InputRefused(f"no usable CT series: {why}", "one CT series", _ONE_CT)
    found = ", ".join(sorted({s.modality or "no modality" for s in scan.series}))
    return InputRefused(f"no CT among the series (found: {found})", "a PET/CT or CT study", _ONE_CT)


def _one_pet(
    pets: list[SeriesHeaders],
    ct: SeriesHeaders | None,
    joins: "_Joins",
    ignored: dict[SeriesHeaders, str],
    notices: list[Notice],
    refusals: list[InputRefused],
) -> tuple[SeriesHeaders | None, Join | None]:
    if not pets:
        return None, None
    if ct is None:  # the CT's refusal stands already; say of the PET what can be said
        if len(pets) > 1:
            refusals.append(_several_pets(pets))
            ignored |= dict.fromkeys(pets, "one of several PETs")
            return None, None
        return pets[0], None
    same = [p for p in pets if p.frame_of_reference and _share_frame(p, ct)]
    others = [p for p in pets if p not in same]
    join = None
    if not same:
        try:
            joined = joins.of(others, ct)
        except InputRefused as refusal:
            ignored |= dict.fromkeys(others, "another frame of reference than the CT")
            refusals.append(refusal)
            return None, None
        same = list(joined)
        others = [p for p in pets if p not in joined]
        join = joined[same[0]]
    if len(same) > 1:
        ignored |= dict.fromkeys(same, "one of several PETs")
        refusals.append(_several_pets(same))
        return None, None
    if others:
        ignored |= dict.fromkeys(others, "another frame of reference than the CT")
        text = f"PET of another frame of reference than the CT was left out: {_titles(others)}."
        notices.append(Notice("pet-other-frame-ignored", text))
    if _patient(same[0]) != _patient(ct):
        text = (
            "CT and PET differ in Patient ID (0010,0020); they "
            + ("are joined by a registration" if join else "share a frame of reference")
            + " and are used together. Check that both are of this patient."
        )
        notices.append(Notice("patient-differs", text))
    return same[0], join


class _Joins:
    """The registrations at hand, read where a PET needs one."""

    def __init__(self, scan: Scan, stated: Stated, ignored: dict[SeriesHeaders, str]) -> None:
        self._scan, self._stated, self._ignored = scan, stated, ignored

    def of(self, pets: list[SeriesHeaders], ct: SeriesHeaders) -> dict[SeriesHeaders, Join]:
        """The PETs that a registration joins to the CT; InputRefused where there is none."""
        refused: list[InputRefused] = []
        found = self._stated_one() if self._stated.registration else self._found(refused)
        joined = {}
        for pet in pets:
            several = [j for j in (_to(r, pet, ct) for r in found) if j is not None]
            join = one_join(several)
            if join is not None:
                joined[pet] = join
        if joined:
            return joined
        if refused:
            raise refused[0]
        raise _apart(pets, ct, self._stated, bool(found))

    def _stated_one(self) -> list[SpatialRegistration | Join]:
        assert self._stated.registration is not None
        return [read_registration(self._stated.registration)]

    def _found(self, refused: list[InputRefused]) -> list[SpatialRegistration | Join]:
        found: list[SpatialRegistration | Join] = []
        for series in self._scan.series:
            if series.sop_class_uid not in _REGISTRATIONS:
                continue
            self._ignored[series] = "a registration, no image"
            for header, path in zip(series.headers, series.paths, strict=True):
                try:
                    found.append(spatial_registration(header, path.name))
                except InputRefused as refusal:
                    refused.append(refusal)
        return found


def _to(found: SpatialRegistration | Join, pet: SeriesHeaders, ct: SeriesHeaders) -> Join | None:
    if isinstance(found, Join):  # an ITK transform names no frames: the user says whose it is
        return found
    return found.join(pet.frame_of_reference, ct.frame_of_reference)


def _apart(
    pets: list[SeriesHeaders], ct: SeriesHeaders, stated: Stated, any_found: bool
) -> InputRefused:
    came = (
        f"the PET {_titles(pets)} and the CT {title(ct)} don't share a "
        "Frame of Reference UID (0020,0052)"
    )
    if stated.registration is not None:
        came += f", and {stated.registration.name} doesn't join theirs"
    elif any_found:
        came += ", and no Spatial Registration in the folder joins theirs"
    return InputRefused(
        came,
        "a PET registered with its CT",
        "add their Spatial Registration object to the folder, name it or an ITK transform with "
        f"--registration, {_CT_ONLY}, or give registered images with --ct and --pet",
    )


def _patient(series: SeriesHeaders) -> str:
    return str(series.headers[0].get("PatientID") or "").strip()


def _share_frame(pet: SeriesHeaders, ct: SeriesHeaders) -> bool:
    return pet.frame_of_reference == ct.frame_of_reference


def _several_pets(pets: list[SeriesHeaders]) -> InputRefused:
    return InputRefused(
        f"{len(pets)} attenuation-corrected PET series: {_titles(pets)}",
        "one PET series",
        f"point at a folder with one of them, or {_CT_ONLY}",
    )

"""A DICOM folder, or files in other formats, to a `Case`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hnuiseg.dicom import (
    DicomReference,
    Join,
    Scan,
    SeriesHeaders,
    SuvFactor,
    Why,
    apply_suv,
    read_series,
    scan_folder,
    suv_factor,
)
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import read_image
from hnuiseg.study.case import Case, Notice, PetImage, Provenance
from hnuiseg.study.choose import choose, title
from hnuiseg.study.field import head_neck_field
from hnuiseg.study.gates import (
    age_notices,
    agreement_notices,
    coverage_notices,
    ct_alone_notice,
    ct_notices,
    field_notices,
    refuse_without_hu,
    weight_notices,
)
from hnuiseg.study.options import Stated
from hnuiseg.study.suv_claim import pet_figures, scale_notices
from hnuiseg.volume import Volume, covered, resample

Progress = Callable[[str, float], None]

_DICOM_NAMES = (".dcm", ".ima")
_CT_ONLY = "segment from the CT alone with --ct-only"


def read_study(
    folder: Path, stated: Stated | None = None, progress: Progress | None = None
) -> Case:
    """The case in a DICOM folder: its one CT, and the PET registered with it where there is one.

    `progress` is called with the step's name and how far it is (0 to 1). InputRefused where
    the folder doesn't single out a CT and at most one PET, or one of them can't be read
    right; WrongCall where what was stated has no place in DICOM.
    """
    stated = stated or Stated()
    check_stated_for_dicom(stated)
    scan = scan_folder(folder, step(progress, "Reading headers"))
    choice = choose(scan, stated)
    if choice.refusals:
        raise choice.refusals[0]
    assert choice.ct is not None  # else there is a refusal
    ct, reference, found = dicom_ct(choice.ct, progress)
    notices = [*unread_notices(scan), *choice.notices, *found]
    pet = None
    if choice.pet is not None:
        native, suv, found = dicom_pet(choice.pet, stated, progress)
        native = joined(native, choice.join, ct)
        pet, measured = pet_on_ct(native, suv, ct)
        notices += [*found, *measured]
    elif not stated.ct_only:
        notices.append(ct_alone_notice())
    provenance = Provenance(
        "dicom",
        _source(choice.ct),
        _source(choice.pet) if choice.pet else None,
        _stated(stated, pet, choice.join),
        choice.join.words if choice.join else None,
    )
    field = head_neck_field(ct)
    notices += field_notices(ct, field)
    return Case(ct, pet, tuple(notices), provenance, reference, field)


def read_files(
    ct: Path, pet: Path | None, stated: Stated | None = None, progress: Progress | None = None
) -> Case:
    """The case in a CT file and a PET file or none.

    Giving both is the user's statement that they are registered. A plain file names no unit:
    `--pet-units suv` takes its values as SUVbw; Bq/ml is refused, because the dose, weight and
    times that lead to SUVbw aren't in such a file. InputRefused, WrongCall as `read_study`.
    """
    stated = stated or Stated()
    check_stated_for_files(pet, stated)
    tell = progress or (lambda what, fraction: None)
    tell("Reading CT", 0.0)
    hu, notices = file_ct(ct)
    image = None
    if pet is not None and not stated.ct_only:
        tell("Reading PET", 0.0)
        native, suv = file_pet(pet, stated.suv_per_bqml)
        image, found = pet_on_ct(native, suv, hu)
        notices += found
    elif not stated.ct_only:
        notices += (ct_alone_notice(),)
    tell("Reading", 1.0)
    said = _stated(stated, image, None)
    if image is not None:
        said = ("registration of CT and PET (--ct with --pet)", *said)
    provenance = Provenance("files", ct.name, None if image is None or not pet else pet.name, said)
    field = head_neck_field(hu)
    return Case(hu, image, (*notices, *field_notices(hu, field)), provenance, None, field)


def case_of_ct(ct: Volume, provenance: Provenance) -> Case:
    """A CT (HU) that came from elsewhere, through a CT's gates: a case without PET.

    InputRefused where it holds nothing like HU.
    """
    refuse_without_hu(ct)
    field = head_neck_field(ct)
    notices = (*ct_notices(ct), ct_alone_notice(), *field_notices(ct, field))
    return Case(ct, None, notices, provenance, None, field)


def check_stated_for_dicom(stated: Stated) -> None:
    """WrongCall for a unit of the PET: DICOM carries its own."""
    if stated.pet_units is not None:
        raise WrongCall(
            f"--pet-units {stated.pet_units} with a DICOM study, which carries its own units",
            "--pet-units with --pet FILE",
            "leave it out",
        )


def check_stated_for_files(pet: Path | None, stated: Stated) -> None:
    """Refuse a PET file without its unit, or in Bq/ml; WrongCall for a weight or stray unit."""
    if stated.weight_kg is not None:
        raise WrongCall(
            "--weight-kg with image files, which carry neither dose nor times to go with it",
            "--weight-kg with a DICOM study",
            "convert the PET to SUVbw first, or give the DICOM study",
        )
    if stated.registration is not None:
        raise WrongCall(
            "--registration with image files: giving both states that they are registered",
            "--registration with a DICOM study",
            "resample the PET first, or give the DICOM study",
        )
    if stated.accept_sex_mean:
        raise WrongCall(
            "--accept-sex-mean with image files, whose SUV is taken as it is",
            "--accept-sex-mean with a DICOM study",
            "leave it out",
        )
    if pet is None:
        if stated.pet_units is not None:
            raise WrongCall(
                f"--pet-units {stated.pet_units} without --pet",
                "--pet-units with --pet",
                "add --pet",
            )
        return
    if stated.ct_only:
        return
    if stated.pet_units is None:
        raise InputRefused(
            f"the unit of {pet.name} isn't stated, and the file doesn't carry it",
            "--pet-units suv with a PET in SUVbw",
            f"add --pet-units suv if it is, or {_CT_ONLY}",
        )
    if stated.pet_units == "bqml" and stated.suv_per_bqml is None:
        raise InputRefused(
            f"{pet.name} is stated to be in Bq/ml, and a file of its kind has no dose, weight "
            "and times to make SUVbw of it",
            "a PET in SUVbw, or a DICOM study",
            f"convert it to SUVbw and give --pet-units suv, give the DICOM study, or {_CT_ONLY}",
        )


def dicom_ct(
    series: SeriesHeaders, progress: Progress | None = None
) -> tuple[Volume, DicomReference, tuple[Notice, ...]]:
    """A CT series in HU, through the CT's gates."""
    stored = read_series(series, step(progress, "Reading CT"))
    ct = Volume(stored.array, stored.grid, "HU")
    refuse_without_hu(ct)
    notes = tuple(Notice("ct-geometry", f"CT: {note}") for note in stored.notes)
    return ct, stored.reference, (*notes, *age_notices(series.headers[0]), *ct_notices(ct))


def dicom_pet(
    series: SeriesHeaders, stated: Stated, progress: Progress | None = None
) -> tuple[Volume, SuvFactor, tuple[Notice, ...]]:
    """A PET series in SUVbw on its own grid, and how it came to be that."""
    stored = read_series(series, step(progress, "Reading PET"))
    suv = suv_factor(stored.headers, stated.weight_kg, accept_sex_mean=stated.accept_sex_mean)
    notes = tuple(Notice("pet-geometry", f"PET: {note}") for note in stored.notes)
    warned = tuple(Notice("suv", warning) for warning in suv.warnings)
    return apply_suv(stored, suv), suv, (*notes, *warned)


def joined(native: Volume, join: Join | None, ct: Volume) -> Volume:
    """A PET in the CT's frame of reference: its grid moved, its values untouched."""
    if join is None:
        return native
    return replace(native, grid=join.moved(native.grid, ct.grid.frame_of_reference))


def file_ct(path: Path) -> tuple[Volume, tuple[Notice, ...]]:
    """A CT file in HU, through the CT's gates."""
    ct = read_image(path, "HU")
    refuse_without_hu(ct)
    return ct, ct_notices(ct)


def file_pet(path: Path, suv_per_bqml: float | None = None) -> tuple[Volume, SuvFactor]:
    """A PET file whose values the user states to be SUVbw, or in Bq/ml with the factor to it."""
    stated = "stated as SUVbw (--pet-units suv)"
    if suv_per_bqml is not None:
        stated = f"stated as Bq/ml with {suv_per_bqml:.6g} g/ml per Bq/ml"
    suv = SuvFactor(
        factors=(suv_per_bqml or 1.0,),
        units="SUV" if suv_per_bqml is None else "Bq/ml",
        branch=stated,
        time_reference=None,
        elapsed_s=None,
        weight_kg=None,
        weight_stated=False,
    )
    if suv_per_bqml is None:
        return read_image(path, "g/ml"), suv
    activity = read_image(path, "Bq/ml")
    scaled = activity.array.astype(np.float32) * np.float32(suv_per_bqml)
    return Volume(scaled, activity.grid, "g/ml"), suv


def pet_on_ct(native: Volume, suv: SuvFactor, ct: Volume) -> tuple[PetImage, tuple[Notice, ...]]:
    """A PET brought to the CT's grid, through the gates of coverage and scale."""
    coverage = covered(native.grid, ct.grid)
    found = coverage_notices(coverage)
    on_ct = resample(native, ct.grid)
    found += scale_notices(pet_figures(native, on_ct, coverage, ct), suv)
    found += agreement_notices(ct, on_ct, coverage)
    found += weight_notices(suv.weight_kg)
    return PetImage(on_ct, coverage, native, suv), found


def unread_notices(scan: Scan) -> tuple[Notice, ...]:
    """A warning where files that should be images were left out."""
    lost = [
        u
        for u in scan.unread
        if u.why in (Why.DAMAGED, Why.CLOSED)
        or (u.why is Why.NOT_DICOM and u.name.lower().endswith(_DICOM_NAMES))
    ]
    if not lost:
        return ()
    shown = "; ".join(f"{u.name} ({u.reason})" for u in lost[:3])
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (Notice("files-unread", f"Files that may be images were left out: {shown}{more}."),)


def _source(series: SeriesHeaders) -> str:
    return f"{title(series)}, Series Instance UID {series.uid}"


def _stated(stated: Stated, pet: PetImage | None, join: Join | None) -> tuple[str, ...]:
    """What the user stated and the case rests on."""
    said = []
    if stated.ct_only:
        said.append("CT alone (--ct-only)")
    if pet is not None and pet.suv.weight_stated:
        said.append(f"weight {pet.suv.weight_kg:g} kg (--weight-kg)")
    if pet is not None and pet.suv.sex_mean:
        said.append("the mean of both sexes' lean-mass formulas (--accept-sex-mean)")
    if join is not None and stated.registration is not None:
        said.append(f"registration of CT and PET (--registration {stated.registration.name})")
    if pet is not None and stated.suv_per_bqml is not None:
        said.append(f"PET in Bq/ml, {stated.suv_per_bqml:.6g} g/ml per Bq/ml")
    elif pet is not None and stated.pet_units is not None:
        said.append(f"PET in SUVbw (--pet-units {stated.pet_units})")
    return tuple(said)


def step(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    """A `progress` that hears how many of how many are done of one step."""
    if progress is None:
        return None
    return lambda done, of: progress(what, done / max(1, of))

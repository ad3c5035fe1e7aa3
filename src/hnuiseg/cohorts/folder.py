"""Any folder of NIfTI, NRRD or MHA files whose names follow a pattern."""

import re
from functools import partial
from pathlib import Path

from hnuiseg.cohorts.image_files import ImageFiles, annotated
from hnuiseg.cohorts.listing import Cohort, LeftOut, ListedCase
from hnuiseg.errors import InputRefused, WrongCall

_ID = "{id}"


def folder(
    source: Path,
    *,
    ct: str,
    labels: str,
    pet: str | None = None,
    licence: str = "not stated",
    commercial: bool = False,
) -> Cohort:
    """Every case whose CT and labels are there; patterns are paths below `source` with {id}.

    {id} stands for letters, digits, ".", "_" and "-", the same in all patterns, and names case and
    patient. A PET is SUVbw and registered with the CT, as the caller states by naming it. Labels
    hold 1 GTVp and 2 GTVn. WrongCall for a pattern that is none; InputRefused where nothing fits.
    """
    for pattern in (ct, labels, *([] if pet is None else [pet])):
        _check(pattern)
    cases, left_out = list[ListedCase](), list[LeftOut]()
    for name, image in sorted(_found(source, ct).items()):
        label = source / labels.replace(_ID, name)
        if not label.is_file():
            left_out.append(LeftOut(name, "no label"))
            continue
        suv = None if pet is None else source / pet.replace(_ID, name)
        if suv is not None and not suv.is_file():
            suv = None  # CT alone, which the case then says
        files = ImageFiles(image, label, suv)
        sources = tuple(path for path in (image, label, suv) if path is not None)
        cases.append(ListedCase(name, name, "", sources, partial(annotated, files)))
    if not cases:
        raise InputRefused(
            f"nothing in {source.name} fits {ct} with {labels}",
            "files below it whose names fit",
            "check the patterns",
        )
    return Cohort("folder", licence, commercial, ("GTVp", "GTVn"), tuple(cases), tuple(left_out))


def _check(pattern: str) -> None:
    parts = Path(pattern).parts
    if _ID not in pattern or ".." in parts or Path(pattern).is_absolute():
        raise WrongCall(
            f"pattern {pattern!r}",
            "a path below the folder with {id} in it, such as {id}/ct.nii.gz",
            "write it so",
        )


def _found(source: Path, pattern: str) -> dict[str, Path]:
    """Files that fit, by what stands for {id}; it must be the same wherever it stands."""
    literal = [re.escape(part) for part in pattern.split(_ID)]
    expression = literal[0] + r"(?P<id>[\w.\-]+)" + r"(?P=id)".join(literal[1:])
    fits = re.compile(expression, re.ASCII)
    found = {}
    for path in source.glob(pattern.replace(_ID, "*")):
        match = fits.fullmatch(path.relative_to(source).as_posix())
        if match and path.is_file() and not match["id"].startswith("."):
            found[match["id"]] = path
    return found

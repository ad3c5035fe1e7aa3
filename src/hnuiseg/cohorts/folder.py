"""Any folder of NIfTI, NRRD or MHA files whose names follow a pattern."""

import glob
import re
from functools import partial
from pathlib import Path, PurePosixPath

from hnuiseg.cohorts.image_files import ImageFiles, annotated
from hnuiseg.cohorts.listing import Cohort, LeftOut, ListedCase
from hnuiseg.errors import InputRefused, WrongCall
from hnuiseg.files import IMAGE_ENDINGS

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
    patient. Nothing else is a wildcard. A PET is SUVbw and registered with the CT, as the caller
    states by naming it. Labels hold 1 GTVp and 2 GTVn. WrongCall for a pattern that is none;
    InputRefused where nothing fits.
    """
    patterns = [pattern for pattern in (ct, labels, pet) if pattern is not None]
    for pattern in patterns:
        _check(pattern)
    if len({PurePosixPath(pattern) for pattern in patterns}) < len(patterns):
        raise WrongCall(
            f"one pattern for two kinds of images ({ct})",
            "a pattern of its own for CT, labels and PET",
            "give each its name",
        )
    images = _without(_found(source, ct), patterns[1:], source)
    drawn = _without(_found(source, labels), [ct, *patterns[2:]], source)
    cases, left_out = list[ListedCase](), list[LeftOut]()
    for name in sorted(images.keys() | drawn.keys()):
        if name not in images or name not in drawn:
            left_out.append(LeftOut(name, "no label" if name in images else "a label without CT"))
            continue
        suv = None if pet is None else _path(source, pet, name)
        if suv is not None and not suv.is_file():
            suv = None  # CT alone, which the case then says
        files = ImageFiles(images[name], drawn[name], suv)
        sources = tuple(path for path in (files.ct, files.labels, suv) if path is not None)
        cases.append(ListedCase(name, name, "", sources, partial(annotated, files)))
    if not cases:
        raise InputRefused(
            f"nothing in {source.name} fits {ct} with {labels} ({len(images)} CTs without labels, "
            f"{len(drawn)} labels without CT)",
            "files below it whose names fit",
            "check the patterns",
        )
    return Cohort("folder", licence, commercial, ("GTVp", "GTVn"), tuple(cases), tuple(left_out))


def _check(pattern: str) -> None:
    path = PurePosixPath(pattern)
    if _ID not in pattern or ".." in path.parts or path.is_absolute():
        raise WrongCall(
            f"pattern {pattern!r}",
            "a path below the folder with {id} in it, such as {id}/ct.nii.gz",
            "write it so",
        )
    if not pattern.lower().endswith(IMAGE_ENDINGS):
        raise WrongCall(
            f"pattern {pattern!r}",
            f"a name that ends in {', '.join(IMAGE_ENDINGS)}",
            "convert the images, or write the ending",
        )


def _path(source: Path, pattern: str, name: str) -> Path:
    return source / pattern.replace(_ID, name)


def _without(found: dict[str, Path], others: list[str], source: Path) -> dict[str, Path]:
    """Files that aren't those of another kind: `{id}.nii.gz` fits `a_label.nii.gz` too."""
    taken = {_path(source, pattern, name) for pattern in others for name in found}
    return {name: path for name, path in found.items() if path not in taken}


def _found(source: Path, pattern: str) -> dict[str, Path]:
    """Files that fit, by what stands for {id}; it must be the same wherever it stands."""
    pattern = PurePosixPath(pattern).as_posix()  # without "./"
    literal = [re.escape(part) for part in pattern.split(_ID)]
    expression = literal[0] + r"(?P<id>[\w.\-]+)" + r"(?P=id)".join(literal[1:])
    fits = re.compile(expression, re.ASCII)
    found = {}
    for path in source.glob("*".join(glob.escape(part) for part in pattern.split(_ID))):
        match = fits.fullmatch(path.relative_to(source).as_posix())
        if match and path.is_file() and not match["id"].startswith("."):
            found[match["id"]] = path
    return found

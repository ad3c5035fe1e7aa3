"""Which of the two headers a file has."""

from pathlib import Path

from hnuiseg.limits import MOST_TEXT_BYTES
from hnuiseg.text_headers.description import Described
from hnuiseg.text_headers.metaimage import metaimage
from hnuiseg.text_headers.nrrd import NRRD, nrrd


def described(path: Path) -> Described:
    """The header of a .nrrd, .nhdr, .mha or .mhd file; Damaged for what is none, OSError."""
    with path.open("rb") as file:
        head = file.read(MOST_TEXT_BYTES)
    return nrrd(head, path) if path.name.lower().endswith(NRRD) else metaimage(head, path)

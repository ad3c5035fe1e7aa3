"""NRRD and MetaImage: a header in text, then values, in the same file or in one beside it.

Read here and not by ITK, whose parsers allocate what a header claims, write to the terminal,
and open whatever file a header names. Values lie in the file itself, or in one regular file of
the same folder: a header never leads elsewhere. ITK is the judge of what is read (tests).
"""

from hnuiseg.text_headers.description import Damaged
from hnuiseg.text_headers.metaimage import META
from hnuiseg.text_headers.nrrd import NRRD
from hnuiseg.text_headers.reading import described
from hnuiseg.text_headers.values import values

__all__ = ["META", "NRRD", "Damaged", "described", "values"]

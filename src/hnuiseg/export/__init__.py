"""All outputs of a prediction or a session, in one transaction."""

from hnuiseg.export.measure import Lesion, PetFigures, Total, measure, totals
from hnuiseg.export.outputs import DEFAULT_FORMATS, FORMATS, Contours, check_formats, export
from hnuiseg.export.result import NotWritten, Result, Voting
from hnuiseg.export.session import export_session
from hnuiseg.export.transaction import check_output, output_directory

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "Contours",
    "Lesion",
    "NotWritten",
    "PetFigures",
    "Result",
    "Total",
    "Voting",
    "check_formats",
    "check_output",
    "export",
    "export_session",
    "measure",
    "output_directory",
    "totals",
]

"""Images and where they lie: `Volume` = array + `Grid`."""

from hnuiseg.volume.body import body_box, body_mask, holes_filled
from hnuiseg.volume.components import components
from hnuiseg.volume.grid import Grid, Triple
from hnuiseg.volume.orient import Reorientation, standing
from hnuiseg.volume.parallel import interpolated
from hnuiseg.volume.resample import covered, resample
from hnuiseg.volume.thinned import thinned
from hnuiseg.volume.volume import Unit, Volume

__all__ = [
    "Grid",
    "Reorientation",
    "Triple",
    "Unit",
    "Volume",
    "body_box",
    "body_mask",
    "components",
    "covered",
    "holes_filled",
    "interpolated",
    "resample",
    "standing",
    "thinned",
]

"""Model files: read, verify, write; the shipped weights and their cards."""

from hnuiseg.models.catalogue import DEFAULT, load_model, shipped_models
from hnuiseg.models.ensemble import ensemble_bytes
from hnuiseg.models.file import Card, ModelFile, model_bytes, read_model
from hnuiseg.models.scales import COMPACT, FULL, MINI
from hnuiseg.models.settings import AVAILABILITY, BEFORE, IMAGES_AND_PROMPTS, ModelSettings

__all__ = [
    "AVAILABILITY",
    "BEFORE",
    "COMPACT",
    "DEFAULT",
    "FULL",
    "IMAGES_AND_PROMPTS",
    "MINI",
    "Card",
    "ModelFile",
    "ModelSettings",
    "ensemble_bytes",
    "load_model",
    "model_bytes",
    "read_model",
    "shipped_models",
]

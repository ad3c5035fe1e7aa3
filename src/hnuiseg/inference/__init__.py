"""Windows, stochastic members, uncertainty: a `Case` and a `ModelFile` to a `Prediction`."""

from hnuiseg.inference.prediction import CLASSES, Prediction

__all__ = ["CLASSES", "Prediction"]

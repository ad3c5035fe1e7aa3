"""Windows, stochastic members, uncertainty: a `Case` and a `ModelFile` to a `Prediction`."""

from hnuiseg.inference.drawn import Drawn, Least, Pair, drawn
from hnuiseg.inference.engine import network_for
from hnuiseg.inference.hardware import Hardware
from hnuiseg.inference.inputs import CHANNELS
from hnuiseg.inference.members import (
    LARGEST_ANGLE,
    NOISE_STD,
    Flip,
    Member,
    Noise,
    Rotation,
    draw_members,
)
from hnuiseg.inference.options import PredictOptions
from hnuiseg.inference.placing import BACKGROUND, Field, likeliest
from hnuiseg.inference.predict import predict
from hnuiseg.inference.prediction import CLASSES, NotDrawn, Prediction
from hnuiseg.inference.speed import Speed, speeds
from hnuiseg.inference.uncertainty import LEAST_VOTES, Accumulator, entropy, mutual_information
from hnuiseg.inference.windows import gaussian_weight, predict_windows, window_starts

__all__ = [
    "BACKGROUND",
    "CHANNELS",
    "CLASSES",
    "LARGEST_ANGLE",
    "LEAST_VOTES",
    "NOISE_STD",
    "Accumulator",
    "Drawn",
    "Field",
    "Flip",
    "Hardware",
    "Least",
    "Member",
    "Noise",
    "NotDrawn",
    "Pair",
    "PredictOptions",
    "Prediction",
    "Rotation",
    "Speed",
    "draw_members",
    "drawn",
    "entropy",
    "gaussian_weight",
    "likeliest",
    "mutual_information",
    "network_for",
    "predict",
    "predict_windows",
    "speeds",
    "window_starts",
]

"""Clicks and edits: how a network sees them, is trained with them, and what they do to a case."""

from hnuiseg.interaction.asking import CaseNetwork
from hnuiseg.interaction.canvas import Canvas, compose
from hnuiseg.interaction.change import Change, change_of
from hnuiseg.interaction.clicks import RADIUS_VOXELS, Click, Tumour, prompts
from hnuiseg.interaction.component import Component
from hnuiseg.interaction.content import study_hash
from hnuiseg.interaction.edit_json import edit_from_json, edit_to_json, edits_schema
from hnuiseg.interaction.edits import (
    EDITS,
    AcceptEdit,
    BoxEdit,
    BrushEdit,
    ClickEdit,
    DeleteEdit,
    DeleteSeveralEdit,
    Edit,
    EraserEdit,
    LockEdit,
    MergeEdit,
    RelabelEdit,
    ScribbleEdit,
    SplitEdit,
    ThresholdEdit,
    UnlockEdit,
)
from hnuiseg.interaction.findings import Finding, error_findings, lesion_findings, random_error
from hnuiseg.interaction.interactive import InteractiveSession
from hnuiseg.interaction.layers import Layer, Report
from hnuiseg.interaction.mixed_clicks import Placement, one_of_each_class, one_of_each_lesion
from hnuiseg.interaction.network import Answer, Network, Question
from hnuiseg.interaction.policy import DoubtPolicy, Flagged, doubtful
from hnuiseg.interaction.region import Region, region_of
from hnuiseg.interaction.robots.autopet_iv import AutopetIV
from hnuiseg.interaction.robots.cvpr_2025 import Cvpr2025
from hnuiseg.interaction.robots.each_lesion import EachLesion
from hnuiseg.interaction.robots.human import Human
from hnuiseg.interaction.robots.inventions_first import InventionsFirst, invented
from hnuiseg.interaction.robots.largest_error import LargestError
from hnuiseg.interaction.robots.pointed import said_of
from hnuiseg.interaction.robots.predicted_places import PredictedPlaces
from hnuiseg.interaction.robots.ten_clicks import TenClicks
from hnuiseg.interaction.scene import Robot, Scene
from hnuiseg.interaction.sequence import Step, one_after_the_other
from hnuiseg.interaction.session import Act, Session
from hnuiseg.interaction.simulate import ROBOTS, robot
from hnuiseg.interaction.start import Start
from hnuiseg.interaction.start_cache import automatic_start
from hnuiseg.interaction.state import State, Values
from hnuiseg.interaction.suggest import Suggestion, places_in_doubt, suggest
from hnuiseg.interaction.summary import LesionSummary, lesion_summaries
from hnuiseg.interaction.training_prompts import correction_clicks, stage_one_clicks
from hnuiseg.interaction.whole_again import WholeAgain, whole_again

__all__ = [
    "EDITS",
    "RADIUS_VOXELS",
    "ROBOTS",
    "AcceptEdit",
    "Act",
    "Answer",
    "AutopetIV",
    "BoxEdit",
    "BrushEdit",
    "Canvas",
    "CaseNetwork",
    "Change",
    "Click",
    "ClickEdit",
    "Component",
    "Cvpr2025",
    "DeleteEdit",
    "DeleteSeveralEdit",
    "DoubtPolicy",
    "EachLesion",
    "Edit",
    "EraserEdit",
    "Finding",
    "Flagged",
    "Human",
    "InteractiveSession",
    "InventionsFirst",
    "LargestError",
    "Layer",
    "LesionSummary",
    "LockEdit",
    "MergeEdit",
    "Network",
    "Placement",
    "PredictedPlaces",
    "Question",
    "Region",
    "RelabelEdit",
    "Report",
    "Robot",
    "Scene",
    "ScribbleEdit",
    "Session",
    "SplitEdit",
    "Start",
    "State",
    "Step",
    "Suggestion",
    "TenClicks",
    "ThresholdEdit",
    "Tumour",
    "UnlockEdit",
    "Values",
    "WholeAgain",
    "automatic_start",
    "change_of",
    "compose",
    "correction_clicks",
    "doubtful",
    "edit_from_json",
    "edit_to_json",
    "edits_schema",
    "error_findings",
    "invented",
    "lesion_findings",
    "lesion_summaries",
    "one_after_the_other",
    "one_of_each_class",
    "one_of_each_lesion",
    "places_in_doubt",
    "prompts",
    "random_error",
    "region_of",
    "robot",
    "said_of",
    "stage_one_clicks",
    "study_hash",
    "suggest",
    "whole_again",
]

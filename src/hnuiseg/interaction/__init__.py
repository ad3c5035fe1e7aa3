"""Clicks: how a network sees them, how it is trained with them, and robots that make them."""

from hnuiseg.interaction.clicks import RADIUS_VOXELS, Click, Tumour, prompts
from hnuiseg.interaction.component import Component
from hnuiseg.interaction.findings import Finding, error_findings, lesion_findings
from hnuiseg.interaction.mixed_clicks import Placement, one_of_each_class
from hnuiseg.interaction.robots.autopet_iv import AutopetIV
from hnuiseg.interaction.robots.cvpr_2025 import Cvpr2025
from hnuiseg.interaction.robots.each_lesion import EachLesion
from hnuiseg.interaction.robots.human import Human
from hnuiseg.interaction.robots.largest_error import LargestError
from hnuiseg.interaction.robots.ten_clicks import TenClicks
from hnuiseg.interaction.scene import Robot, Scene
from hnuiseg.interaction.sequence import Step, one_after_the_other
from hnuiseg.interaction.simulate import ROBOTS, robot
from hnuiseg.interaction.training_prompts import correction_clicks, stage_one_clicks

__all__ = [
    "RADIUS_VOXELS",
    "ROBOTS",
    "AutopetIV",
    "Click",
    "Component",
    "Cvpr2025",
    "EachLesion",
    "Finding",
    "Human",
    "LargestError",
    "Placement",
    "Robot",
    "Scene",
    "Step",
    "TenClicks",
    "Tumour",
    "correction_clicks",
    "error_findings",
    "lesion_findings",
    "one_after_the_other",
    "one_of_each_class",
    "prompts",
    "robot",
    "stage_one_clicks",
]

"""Training: recipes, stages, patches, augmentation, losses, the loop; what came of it."""

from hnuiseg.training.assess.compare import compare, comparison_text, read_results
from hnuiseg.training.assess.options import PARTS, AssessOptions
from hnuiseg.training.assess.run import assess_model
from hnuiseg.training.assess.users import USERS
from hnuiseg.training.calibrate_run import calibrate_run
from hnuiseg.training.data import Parts, parts_of
from hnuiseg.training.phantom_figures import PhantomFigures, phantom_figures
from hnuiseg.training.phantom_recipe import PhantomRecipe
from hnuiseg.training.phantom_run import make_phantom_model
from hnuiseg.training.publish import published, republished
from hnuiseg.training.recipe import RECIPES, SCALES, Recipe, Scale, recipe_named, scale_named, sized
from hnuiseg.training.run import Stage, check_crew, learnt_by, model_before, run_stage
from hnuiseg.training.runs import StageLog, read_run, write_page, write_tensorboard
from hnuiseg.training.workers import training_precision, workers

__all__ = [
    "PARTS",
    "RECIPES",
    "SCALES",
    "USERS",
    "AssessOptions",
    "Parts",
    "PhantomFigures",
    "PhantomRecipe",
    "Recipe",
    "Scale",
    "Stage",
    "StageLog",
    "assess_model",
    "calibrate_run",
    "check_crew",
    "compare",
    "comparison_text",
    "learnt_by",
    "make_phantom_model",
    "model_before",
    "parts_of",
    "phantom_figures",
    "published",
    "read_results",
    "read_run",
    "recipe_named",
    "republished",
    "run_stage",
    "scale_named",
    "sized",
    "training_precision",
    "workers",
    "write_page",
    "write_tensorboard",
]

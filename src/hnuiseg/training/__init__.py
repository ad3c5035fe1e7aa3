"""Training: recipes, sampling, augmentation, losses, the loop. So far the first model's."""

from hnuiseg.training.phantom_figures import PhantomFigures, phantom_figures
from hnuiseg.training.phantom_recipe import PhantomRecipe
from hnuiseg.training.phantom_run import make_phantom_model

__all__ = ["PhantomFigures", "PhantomRecipe", "make_phantom_model", "phantom_figures"]

"""Models by name: the shipped ones, or any file of the user's."""

from importlib import resources
from pathlib import Path

from hnuiseg.errors import ModelMismatch
from hnuiseg.models.file import ModelFile, read_model

DEFAULT = "default"
_DEFAULT_NAME = "semi-synthetic-plus"


def shipped_models() -> dict[str, Path]:
    """Name to file of every model in the package, the default one first."""
    folder = Path(str(resources.files("hnuiseg.models"))) / "shipped"
    found = {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
    return dict(sorted(found.items(), key=lambda item: item[0] != _DEFAULT_NAME))


def load_model(name: str = DEFAULT) -> ModelFile:
    """A shipped model by name, or the model file at a path."""
    shipped = shipped_models()
    wanted = _DEFAULT_NAME if name == DEFAULT else name
    if wanted in shipped:
        return read_model(shipped[wanted])
    if name.endswith(".safetensors"):
        return read_model(Path(name))
    raise ModelMismatch(
        f"no model is called {name!r}",
        f"{', '.join([DEFAULT, *shipped])}, or the path of a .safetensors file",
        "run `hnuiseg models`",
    )

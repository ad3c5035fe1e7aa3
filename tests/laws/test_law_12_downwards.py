"""Law 12: rooms import as in DESIGN §2, and `hnuiseg --help` imports neither torch nor numpy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hnuiseg

# DESIGN §2, ground floor first: a room imports from rooms before it only.
ROOMS = (
    "errors",
    "volume",
    "limits",
    "dicom",
    "text_headers",
    "files",
    "study",
    "preprocessing",
    "networks",
    "models",
    "inference",
    "evaluation",
    "interaction",
    "export",
    "cohorts",
    "training",
    "server",
    "cli",
)
TORCH_ROOMS = {"networks", "inference", "training"}  # where it may be imported at module level

SOURCE = Path(hnuiseg.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
DOORS = [path for path in FILES if path.name == "__init__.py" and path.parent.parent == SOURCE]


def _name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def _room(path: Path) -> str:
    """The room a file belongs to; "" for the package's own front door."""
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return "" if first in {"__init__", "__main__"} else first


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Every module named by import statements among the nodes, as `package.module`.

    `from hnuiseg import x` names `hnuiseg.x`; a relative import is named with its dots.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module == "hnuiseg":
                yield from (f"hnuiseg.{alias.name}" for alias in node.names)
            else:
                yield module


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: no function bodies, no TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _at_import(child)


def _exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def _brought_in(tree: ast.Module) -> set[str]:
    """Public names that an `__init__` imports from its package or makes itself."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hnuiseg"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {ast.unparse(target) for target in node.targets}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_room_imports_from_rooms_below_it(path: Path) -> None:
    room = _room(path)
    assert room in (*ROOMS, ""), f"{_name(path)} is in no room of DESIGN §2"
    below = {room, *(ROOMS[: ROOMS.index(room)] if room else ())}
    if path.name == "__main__.py":
        below.add("cli")  # the other way to call the command line
    for module in _imports(ast.walk(_tree(path))):
        assert not module.startswith("."), f"{_name(path)} imports {module} relatively"
        parts = module.split(".")
        if parts[0] == "hnuiseg" and len(parts) > 1 and parts[1] in ROOMS:
            assert parts[1] in below, f"{_name(path)} imports upwards: {module}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_torch_is_imported_where_it_is_used(path: Path) -> None:
    if _room(path) in TORCH_ROOMS:
        return
    tops = {module.split(".")[0] for module in _imports(_at_import(_tree(path)))}
    assert "torch" not in tops, f"{_name(path)} imports torch at module level"
    assert "safetensors.torch" not in set(_imports(_at_import(_tree(path))))


@pytest.mark.parametrize("path", DOORS, ids=_name)
def test_a_room_exports_what_it_imports_and_nothing_else(path: Path) -> None:
    tree = _tree(path)
    exported = _exported(tree) or []
    assert sorted(exported) == sorted(set(exported)), f"{_name(path)} names something twice"
    assert set(exported) == _brought_in(tree)


@pytest.mark.parametrize(
    "imported",
    ["import hnuiseg", "from hnuiseg.cli.main import run\nassert run(['--help']) == 0"],
    ids=["import hnuiseg", "hnuiseg --help"],
)
def test_the_front_door_is_light(imported: str) -> None:
    script = (
        f"import sys\n{imported}\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pydicom', 'SimpleITK', 'matplotlib', 'nibabel'}\n"
        "sys.stderr.write(' '.join(sorted(heavy & set(sys.modules))))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", f"imported: {ran.stderr}"


def test_every_command_explains_itself_without_torch_or_numpy() -> None:
    script = (
        "import sys\n"
        "from hnuiseg.cli.main import cli, run\n"
        "assert cli.commands\n"
        "for name in cli.commands:\n"
        "    assert run([name, '--help']) == 0\n"
        "assert not {'torch', 'numpy'} & set(sys.modules), sorted(sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


# the law's own instruments


def test_an_upward_import_is_seen_wherever_it_hides() -> None:
    tree = ast.parse("def f():\n    from hnuiseg import cli\n    import hnuiseg.server.app\n")
    assert list(_imports(ast.walk(tree))) == ["hnuiseg.cli", "hnuiseg.server.app"]
    assert list(_imports(ast.walk(ast.parse("from . import grid")))) == ["."]


def test_what_runs_at_import_is_told_from_what_runs_later() -> None:
    tree = ast.parse(
        "if TYPE_CHECKING:\n    import a\n"
        "def f():\n    import b\n"
        "class C:\n    import c\n    def m(self):\n        import d\n"
        "try:\n    import e\nexcept ImportError:\n    pass\n"
    )
    assert list(_imports(_at_import(tree))) == ["c", "e"]

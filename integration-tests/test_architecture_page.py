"""docs/architecture.md and its picture are those of the import contracts and of the tree."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import draw_architecture
from taskiq_testservers.commands import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
CORE = ROOT / "packages" / "taskiq-core" / "src" / "taskiq_core"
STALE = "run `python3 -m nox -s pictures`"
WALK = re.findall(r"^\| [^|]+ \| `([^`]+\.py)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)
PATHS = sorted(set(re.findall(r"`([\w/]+\.py)`", PAGE)))


def find(path: str) -> Path:
    """The file that the page means."""
    package, _, _ = path.partition("/")
    plugin = ROOT / "packages" / package.replace("_", "-") / "src"
    return plugin / path if plugin.is_dir() else CORE / path


def defined_in(file: Path) -> set[str]:
    """Names of the functions and methods of a module, as `function` or `Class.method`."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            names |= {
                f"{node.name}.{each.name}" for each in node.body if isinstance(each, functions)
            }
    return names


def test_the_picture_is_that_of_the_contracts() -> None:
    assert (ROOT / "docs" / "architecture.svg").read_text() == draw_architecture.picture(), STALE


def test_the_picture_is_well_formed_and_has_every_package() -> None:
    drawn = set(ElementTree.fromstring(draw_architecture.picture()).itertext())

    assert drawn >= {folder.parent.name for folder in ROOT.glob("packages/*/pyproject.toml")}


def test_the_tables_are_those_of_the_contracts() -> None:
    assert draw_architecture.page_with(draw_architecture.tables(), PAGE) == PAGE, STALE


def test_the_table_of_layers_has_every_module_of_core() -> None:
    table = draw_architecture.tables()["layers"]

    for file in CORE.rglob("*.py"):
        name = file.parent.name if file.name == "__init__.py" else file.stem
        assert (
            f"`{name}`" in table
            or f"`{name}/`" in table
            or file.parent == CORE.parent
            or (file == CORE / "__init__.py")
        ), f"{file} is not in the table"


def test_a_page_without_the_comments_is_refused() -> None:
    with pytest.raises(ValueError, match="has no comments <!-- layers -->"):
        draw_architecture.page_with({"layers": "| a |\n"}, "# A page\n")


def test_the_walk_goes_from_the_call_to_the_result() -> None:
    assert len(WALK) >= 15


@pytest.mark.parametrize(("path", "function"), WALK)
def test_each_function_of_the_walk_is_where_the_page_says(path: str, function: str) -> None:
    assert function in defined_in(find(path))


@pytest.mark.parametrize("path", PATHS)
def test_each_file_of_the_page_is_there(path: str) -> None:
    assert find(path).is_file()

"""The package itself: its public names, and how little loading it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import taskiq_core

HEAVY = ("pydantic", "pluggy", "asyncio", "taskiq_dependencies", "logging")


@pytest.mark.parametrize("name", taskiq_core.__all__)
def test_public_name_resolves(name: str) -> None:
    found = getattr(taskiq_core, name)

    assert found is not None
    # A dependency marker and an instance aside, each is a thing of that name.
    assert getattr(found, "__name__", name) in (name, "Depends", "Dependency")


def test_lazy_names_are_the_public_ones_and_those_that_editors_see() -> None:
    tree = ast.parse(Path(str(taskiq_core.__file__)).read_text())
    typed = {
        alias.asname or alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }

    assert typed == set(taskiq_core.__all__)
    assert taskiq_core._HOMES.keys() | {"TaskiqDepends"} == set(taskiq_core.__all__)
    assert len(taskiq_core.__all__) == len(set(taskiq_core.__all__))


def test_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        _ = taskiq_core.nonsense

    assert str(caught.value) == "module 'taskiq_core' has no attribute 'nonsense'"


def test_importing_it_loads_nothing_heavy() -> None:
    code = f"import sys, taskiq_core; print([name for name in {HEAVY} if name in sys.modules])"

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert printed.stdout == "[]\n"


def test_version_is_a_release() -> None:
    assert taskiq_core.__version__.count(".") == 2

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.cli_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    # The tests' own pyproject.toml, further up, is not this project's.
    (folder / "pyproject.toml").write_text("")
    project = Project(folder)
    yield project
    project.clean_up()

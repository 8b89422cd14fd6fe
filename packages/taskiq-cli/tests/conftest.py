import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.cli_project import Project

# In a background job of a shell SIGINT is ignored, and children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path / "project")
    yield project
    project.clean_up()

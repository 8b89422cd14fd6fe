"""The example of the page on plugins keeps the contract that it declares."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from taskiq_testservers.commands import ROOT, run

EXAMPLE = ROOT / "examples" / "taskiq-spool"
MATRIX = EXAMPLE / "src" / "taskiq_spool" / "taskiq-matrix.json"


def statuses(matrix: Path) -> dict[str, str]:
    """The state of each capability. Not the number of its tests, which grows with the kit."""
    (suite,) = json.loads(matrix.read_text())["suites"]
    return {name: row["status"] for name, row in suite["capabilities"].items()}


@pytest.mark.timeout(300)
def test_the_installed_plugin_proves_what_its_matrix_says(
    tmp_path: Path, spool: dict[str, str]
) -> None:
    """As its author does, outside of this repository."""
    shutil.copy(EXAMPLE / "tests" / "test_contract.py", tmp_path)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    )

    finished = run(
        sys.executable, "-m", "pytest", "-q", "--taskiq-matrix=matrix.json", cwd=tmp_path, env=spool
    )

    assert finished.returncode == 0, finished.stdout
    assert statuses(tmp_path / "matrix.json") == statuses(MATRIX)


def test_its_matrix_proves_leases_and_delays() -> None:
    proven = {name for name, status in statuses(MATRIX).items() if status == "proven"}

    assert proven == {"contract", "ack", "release", "lease", "delay", "dead_letter"}


def test_it_is_small() -> None:
    sources = (EXAMPLE / "src").rglob("*.py")

    assert sum(len(source.read_text().splitlines()) for source in sources) <= 250


def test_the_page_shows_the_example_as_it_is() -> None:
    """Each line of its snippets is one of an example, of a plugin of ours, or of this file."""
    page = (ROOT / "docs/plugins.md").read_text()
    scheduler = ROOT / "packages/taskiq-scheduler/src/taskiq_scheduler"
    sources = [
        *EXAMPLE.rglob("*.py"),
        scheduler / "plugin.py",
        scheduler / "embedded_scheduler.py",
        ROOT / "examples" / "manual" / "spool_page.py",
        Path(__file__),
    ]
    known = {line.strip() for source in sources for line in source.read_text().splitlines()}

    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    lines = {
        line.strip().removesuffix(" ...") for snippet in snippets for line in snippet.splitlines()
    }
    assert lines - known == set()

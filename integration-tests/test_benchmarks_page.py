"""The figures of docs/benchmarks.md are those of the run whose samples are in the repository."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from taskiq_testservers.commands import ROOT

BENCHMARKS = ROOT / "benchmarks"
FOLDER = BENCHMARKS / "redis_queues"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The module that makes the page."""
    return module_at(FOLDER / "report.py", monkeypatch)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The module that makes the page's section about memory."""
    return module_at(BENCHMARKS / "memory.py", monkeypatch)


def module_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "path", [str(file.parent), *sys.path])
    before = set(sys.modules)
    found = runpy.run_path(str(file))
    for name in set(sys.modules) - before:
        del sys.modules[name]
    return found


def test_memory_on_the_page_is_that_of_the_last_run(memory: dict[str, Any]) -> None:
    samples = json.loads((BENCHMARKS / "memory.json").read_text())
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    assert memory["BETWEEN"].search(page)[0] == memory["figures"](samples)


def test_the_page_has_the_figures_of_the_last_run(report: dict[str, Any]) -> None:
    samples = json.loads((FOLDER / "results.json").read_text())
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    assert report["BETWEEN"].search(page)[0] == report["figures"](samples)


def test_every_queue_is_in_it(report: dict[str, Any]) -> None:
    samples = json.loads((FOLDER / "results.json").read_text())

    assert set(samples["medians"]) == set(report["NAMES"])

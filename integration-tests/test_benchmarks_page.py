"""The figures of docs/benchmarks.md are those of the run whose samples are in the repository."""

import json
import runpy
import sys
from typing import Any

import pytest

from taskiq_testservers.commands import ROOT

FOLDER = ROOT / "benchmarks" / "redis_queues"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The module that makes the page."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    found = runpy.run_path(str(FOLDER / "report.py"))
    for name in set(sys.modules) - before:
        del sys.modules[name]
    return found


def test_the_page_has_the_figures_of_the_last_run(report: dict[str, Any]) -> None:
    samples = json.loads((FOLDER / "results.json").read_text())
    page = (ROOT / "docs" / "benchmarks.md").read_text()

    assert report["BETWEEN"].search(page)[0] == report["figures"](samples)


def test_every_queue_is_in_it(report: dict[str, Any]) -> None:
    samples = json.loads((FOLDER / "results.json").read_text())

    assert set(samples["medians"]) == set(report["NAMES"])

"""Every logger is below `taskiq`, whose level and handlers programs set."""

import re
from pathlib import Path

import pytest

from taskiq_core.loggers import get_logger
from taskiq_testservers.commands import ROOT

SOURCES = {
    ".".join(path.relative_to(folder).with_suffix("").parts): path
    for folder in ROOT.glob("packages/*/src")
    for path in sorted(folder.rglob("*.py"))
    if re.search(r"getLogger\(|get_logger\(", path.read_text())
}
NAMES = re.compile(r'"taskiq[a-z._-]*"|RECEIVER|')
"""Other arguments of `getLogger` than a module's name; none is the logger of all records."""


@pytest.mark.parametrize("module", SOURCES)
def test_loggers_of_a_module_are_below_taskiq(module: str) -> None:
    path: Path = SOURCES[module]
    text = path.read_text()

    assert get_logger(module).name.partition(".")[0] == "taskiq"
    if module != "taskiq_core.loggers":
        assert all(NAMES.fullmatch(each) for each in re.findall(r"getLogger\(([^)]*)\)", text))


def test_there_are_loggers() -> None:
    assert len(SOURCES) > 30

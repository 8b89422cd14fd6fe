"""The matrix of capabilities that taskiq-testkit has written into a broker's package."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

from taskiq_core.plugins import BrokerSpec
from taskiq_core.plugins.specs import target_of

MATRIX: Final = "taskiq-matrix.json"
"""The file in a plugin's package; `pytest --taskiq-matrix` writes it."""
FORMAT: Final = 1
"""The version of that file which is understood."""


def proven(spec: BrokerSpec) -> frozenset[str] | None:
    """The declared capabilities that were proven; None if the package has no readable matrix."""
    package, _, name = target_of(spec).partition(":")
    declared = {each.value for each in spec.capabilities}
    for rows in _suites(package.partition(".")[0], name):
        if {row for row, facts in rows.items() if facts["declared"]} - {"contract"} == declared:
            return frozenset(row for row in declared if rows[row]["status"] == "proven")
    return None


def summary(spec: BrokerSpec) -> str:
    """`proven` in a few words."""
    found = proven(spec)
    if found is None:
        return "not known"
    missing = sorted({each.value for each in spec.capabilities} - found)
    return f"all but {', '.join(missing)}" if missing else "all"


def _suites(package: str, class_name: str) -> Iterator[dict[str, dict[str, Any]]]:
    """The capabilities of every suite for that class."""
    try:
        matrix = json.loads(resources.files(package).joinpath(MATRIX).read_text())
        suites = matrix["suites"] if matrix["format"] == FORMAT else []
        for suite in suites:
            if suite["kind"] == "broker" and suite["class"].rpartition(":")[2] == class_name:
                yield suite["capabilities"]
    except (OSError, ImportError, ValueError, KeyError, TypeError, AttributeError):
        return

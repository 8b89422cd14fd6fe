"""The matrix of capabilities that taskiq-testkit has written into a broker's package."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from taskiq_core.plugins import BrokerSpec, PluginInfo
from taskiq_core.plugins.specs import target_of

MATRIX: Final = "taskiq-matrix.json"
"""The file in a plugin's package; `pytest --taskiq-matrix` writes it."""
FORMAT: Final = 1
"""The version of that file which is understood."""
BASICS: Final = "contract"
"""The row for what every broker must do."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the matrix of a package says of one of its brokers.

    Attributes:
        proven: the declared capabilities that were proven; None if that is not known.
        depends: capabilities that the objects of the class have or lack, as their server or their
            options are.
        reason: why it is not known; empty otherwise.
    """

    proven: frozenset[str] | None = None
    depends: frozenset[str] = frozenset()
    reason: str = ""


def proof_of(plugin: PluginInfo, spec: BrokerSpec) -> Proof:
    """Read the matrix of a broker; it counts if it was written for the version that is installed.

    Args:
        plugin: the installed one.
        spec: one of its brokers.
    """
    package, _, name = target_of(spec).partition(":")
    suites = list(_suites(package.partition(".")[0], name))
    if not suites:
        return Proof()
    current = [each for each in suites if each.get("version") == plugin.version]
    if not current:
        return Proof(reason=f"the matrix is of version {suites[0].get('version')}")
    depends = frozenset(row for each in current for row in _depending(each["capabilities"]))
    declared = {each.value for each in spec.capabilities}
    for suite in current:
        rows = suite["capabilities"]
        shown = {row for row, facts in rows.items() if facts["declared"]} - {BASICS}
        if declared <= shown and shown - declared <= depends:
            proven = frozenset(row for row in declared if rows[row]["status"] == "proven")
            return Proof(proven, depends)
    return Proof(depends=depends)


def summary(spec: BrokerSpec, proof: Proof) -> str:
    """Return what was proven in a few words."""
    if proof.proven is None:
        return f"not known: {proof.reason}" if proof.reason else "not known"
    missing = sorted({each.value for each in spec.capabilities} - proof.proven)
    found = f"all but {', '.join(missing)}" if missing else "all"
    return f"{found}; depends: {', '.join(sorted(proof.depends))}" if proof.depends else found


def _depending(rows: Mapping[str, Any]) -> Iterator[str]:
    return (row for row, facts in rows.items() if facts.get("depends"))


def _suites(package: str, class_name: str) -> Iterator[dict[str, Any]]:
    """Return every suite for that class; none if the package has no readable matrix."""
    try:
        matrix = json.loads(resources.files(package).joinpath(MATRIX).read_text())
        suites = matrix["suites"] if matrix["format"] == FORMAT else []
        for suite in suites:
            is_of_class = suite["class"].rpartition(":")[2] == class_name
            rows = suite["capabilities"].values()
            is_readable = all("declared" in row and "status" in row for row in rows)
            if suite["kind"] == "broker" and is_of_class and is_readable:
                yield suite
    except (OSError, ImportError, ValueError, KeyError, TypeError, AttributeError):
        return

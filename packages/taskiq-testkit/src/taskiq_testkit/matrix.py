"""The capability matrix: what was declared, and what the tests proved."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import BASICS

FORMAT: Final = 1
"""The version of the JSON document."""


class Status(StrEnum):
    """What is known of one capability of one class."""

    PROVEN = "proven"
    """Declared, and every test of it passed."""
    REFUSED = "refused"
    """Not declared, and its use is refused or does without, in every test."""
    FAILED = "failed"
    """A test of it failed."""
    UNPROVEN = "unproven"
    """A test of it did not run, or was replaced by another one."""


@dataclass
class Suite:
    """The tests of one class, as their reports tell."""

    about: Mapping[str, Any]
    outcomes: dict[str, set[str]] = field(default_factory=dict)

    def add(self, test: str, outcome: str) -> None:
        """One more report; a test with parameters has several."""
        self.outcomes.setdefault(test, set()).add(outcome)

    def rows(self) -> dict[str, dict[str, Any]]:
        """What is known of each capability, those of every broker first."""
        names = [BASICS, *sorted(each.value for each in Capability)]
        tests = {
            name: [test for test, proves in self.about["tests"].items() if proves == name]
            for name in names
        }
        return {name: self._row(name, tests[name]) for name in names if tests[name]}

    def _row(self, name: str, tests: list[str]) -> dict[str, Any]:
        departs = {test: why for test, why in self.about["departs"].items() if test in tests}
        failed = sorted(test for test in tests if "failed" in self.outcomes.get(test, ()))
        passed = [
            test for test in tests if self.outcomes.get(test) == {"passed"} and test not in departs
        ]
        declared = name == BASICS or name in self.about["declared"]
        row: dict[str, Any] = {
            "declared": declared,
            "status": _status(declared, complete=len(passed) == len(tests), failed=failed),
            "passed": len(passed),
            "tests": len(tests),
        }
        if failed:
            row["failed"] = failed
        if departs:
            row["departs"] = departs
        return row


class Matrix:
    """The suites of one run of pytest."""

    def __init__(self) -> None:
        self._suites: dict[tuple[str, str], Suite] = {}

    def add(self, about: Mapping[str, Any], outcome: str) -> None:
        """The report of one test."""
        key = (about["suite"], about["class"])
        suite = self._suites.setdefault(key, Suite(about))
        suite.add(about["test"], outcome)

    def __bool__(self) -> bool:
        return bool(self._suites)

    def lines(self) -> Iterable[str]:
        """The matrix as text."""
        for suite in self._suites.values():
            yield f"{suite.about['suite']}: {suite.about['class']}{_origin(suite.about)}"
            for name, row in suite.rows().items():
                count = f"{row['passed']}/{row['tests']}"
                notes = [*row.get("failed", ()), *row.get("departs", ())]
                yield f"  {name:<13} {row['status']:<9} {count:>6}  {', '.join(notes)}".rstrip()

    def document(self) -> dict[str, Any]:
        """The matrix as data."""
        return {
            "format": FORMAT,
            "suites": [
                {
                    **{
                        key: suite.about[key]
                        for key in ("suite", "kind", "class", "distribution", "version")
                    },
                    "capabilities": suite.rows(),
                }
                for suite in self._suites.values()
            ],
        }

    def write(self, path: Path) -> None:
        """Write the matrix as JSON."""
        path.write_text(json.dumps(self.document(), indent=2, sort_keys=False) + "\n")


def _status(declared: bool, *, complete: bool, failed: list[str]) -> Status:
    if failed:
        return Status.FAILED
    if not complete:
        return Status.UNPROVEN
    return Status.PROVEN if declared else Status.REFUSED


def _origin(about: Mapping[str, Any]) -> str:
    if about["distribution"] is None:
        return ""
    return f" ({about['distribution']} {about['version']})"

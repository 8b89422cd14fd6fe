"""The pytest plugin: leaves out what does not apply, and prints the capability matrix.

Loaded with every run of pytest where the kit is installed, so it imports nothing of the kit before
a contract class is used.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from taskiq_testkit.matrix import Matrix

pytest.register_assert_rewrite("taskiq_testkit.contracts")

_PROPERTY = "taskiq_contract"  # as in `reports`, which is imported when it is needed
_MATRIX = pytest.StashKey["Matrix"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option for the matrix as a file."""
    group = parser.getgroup("taskiq", "taskiq's contract tests")
    group.addoption(
        "--taskiq-matrix",
        metavar="FILE",
        type=Path,
        default=None,
        help="write the capability matrix of brokers to FILE, as JSON",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests whose facts a class does not state: they do not apply."""
    left_out = [item for item in items if _is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_configure(config: pytest.Config) -> None:
    """Have the reports of this run collected."""
    config.pluginmanager.register(_Collector(config), "taskiq_testkit_collector")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the matrix, and write it where the option says."""
    matrix = config.stash.get(_MATRIX, None)
    if not matrix:
        return
    terminalreporter.section("taskiq capabilities")
    for line in matrix.lines():
        terminalreporter.write_line(line)
    path = config.getoption("--taskiq-matrix")
    if path is not None:
        matrix.write(path)
        terminalreporter.write_line(f"written to {path}")


class _Collector:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the report of a test, or of a fixture that failed."""
        if report.when != "call" and report.passed:
            return
        for name, about in report.user_properties:
            if name == _PROPERTY:
                self._matrix().add(about, report.outcome)  # type: ignore[arg-type]  # ours

    def _matrix(self) -> "Matrix":
        from taskiq_testkit.matrix import Matrix  # noqa: PLC0415  # when a contract is used

        return self._config.stash.setdefault(_MATRIX, Matrix())


def _is_left_out(item: pytest.Item) -> bool:
    function = getattr(item, "function", None)
    test = getattr(function, "__contract__", None)
    cls = getattr(item, "cls", None)
    if test is None or cls is None:
        return False
    from taskiq_testkit.contract import applies  # noqa: PLC0415  # it is imported already

    return not applies(cls, test)

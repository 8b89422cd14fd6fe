"""The check finds imports by string between packages, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "check_string_imports.py"
MODULES = {
    "taskiq/src/taskiq": ["__init__", "_lazy", "plugin"],
    "taskiq-core/src/taskiq_core": ["__init__", "receiver", "flow/__init__", "flow/leases"],
    "taskiq-acme/src/taskiq_acme": ["__init__", "plugin", "broker", "queue/__init__", "other"],
    "taskiq-rival/src/taskiq_rival": ["__init__", "broker"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, modules in MODULES.items():
        for module in modules:
            file = tmp_path / "packages" / folder / f"{module}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")
    return tmp_path


def run(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(root: Path, module: str, text: str) -> None:
    package = module.partition("/")[0]
    folder = root / "packages" / package.replace("_", "-") / "src"
    (folder / f"{module}.py").write_text(text)


@pytest.mark.parametrize(
    "text",
    [
        'RUNNER = "taskiq_rival.broker"',
        'import_module("taskiq_rival")',
        'importlib.util.find_spec("taskiq_rival")',
        'TARGET = "taskiq_rival.broker:RivalBroker"',
        'import_module(f"taskiq_rival.{name}")',
        'command = [sys.executable, "-m", "taskiq_rival"]',
        'run(sys.executable, "-m", "taskiq_rival.broker")',
        'DEFAULT = "taskiq._lazy:resolve"',
        'STEP = "taskiq_core.flow.leases"',
    ],
)
def test_other_package(root: Path, text: str) -> None:
    write(root, "taskiq_acme/other", f'"""A module."""\n\n{text}\n')

    ran = run(root)

    assert ran.returncode == 1, ran
    assert ran.stdout.count("packages/taskiq-acme/src/taskiq_acme/other.py:3: ") == 1, ran
    assert "taskiq_acme must not know" in ran.stdout


@pytest.mark.parametrize(
    "text",
    [
        'TARGET = "taskiq_acme.broker:AcmeBroker"',
        'import_module("taskiq_acme.broker")',
    ],
)
def test_lazy_import_of_the_own_package(root: Path, text: str) -> None:
    for front in ("plugin", "__init__", "queue/__init__"):
        write(root, f"taskiq_acme/{front}", text)
    assert run(root).returncode == 0

    write(root, "taskiq_acme/other", text)

    ran = run(root)
    assert ran.returncode == 1
    assert "outside of plugin.py and __init__.py" in ran.stdout


@pytest.mark.parametrize(
    "text",
    [
        'LOGGER = "taskiq_rival.nothing"',
        'NAME = "taskiq"',
        'FILE = "taskiq_rival"',
        'DEFAULT = "taskiq_core.receiver"',
        'START = ["-m", "taskiq_acme.broker"]',
        '"""As in `taskiq_rival.broker`."""',
        '"taskiq_rival.broker"',
        'TASK = "taskiq_rival.broker:task"  # not an import',
        'TEXT = "see taskiq_rival.broker"',
    ],
)
def test_what_is_allowed(root: Path, text: str) -> None:
    write(root, "taskiq_acme/other", text)

    ran = run(root)

    assert (ran.returncode, ran.stdout) == (0, ""), ran


def test_facade_may_name_all(root: Path) -> None:
    write(root, "taskiq/__init__", '_HOMES = {"RivalBroker": "taskiq_rival.broker"}')

    assert run(root).returncode == 0


def test_this_repository_has_none() -> None:
    ran = run(SCRIPT.parents[1])

    assert (ran.returncode, ran.stdout) == (0, ""), ran

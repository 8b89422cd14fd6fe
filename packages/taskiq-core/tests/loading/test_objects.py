"""The functions that taskiq 0.13 has in `taskiq.cli.utils`, with its signatures."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_core.loading.errors import LoadError
from taskiq_core.loading.objects import add_cwd_in_path, import_object
from taskiq_core.loading.task_modules import discover_modules, import_from_modules, import_tasks


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_signatures() -> None:
    assert list(inspect.signature(import_object).parameters) == ["object_spec", "app_dir"]
    assert list(inspect.signature(import_tasks).parameters) == ["modules", "pattern", "fs_discover"]
    assert list(inspect.signature(import_from_modules).parameters) == ["modules"]


def test_object_of_a_module_in_the_current_folder(folder: Path) -> None:
    (folder / "loaded_here.py").write_text("import logging as nested\nx = 3\n")

    assert import_object("loaded_here:x") == 3
    assert import_object("loaded_here:nested.INFO") == 20
    assert str(folder) not in sys.path


def test_object_of_another_folder(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "loaded_there.py").write_text("x = 4\n")

    assert import_object("loaded_there:x", app_dir="src") == 4
    assert sys.path[0] == str(folder / "src")


def test_errors_are_those_that_programs_expect(folder: Path) -> None:
    (folder / "loaded_bad.py").write_text("1 / 0\n")

    with pytest.raises(ValueError, match="not of the form"):
        import_object("no_colon")
    with pytest.raises(ImportError, match="no module 'not_here'"):
        import_object("not_here:x")
    with pytest.raises(AttributeError, match="has no 'nope'"):
        import_object("sys:nope")
    with pytest.raises(LoadError, match="ZeroDivisionError: division by zero"):
        import_object("loaded_bad:x")


def test_current_folder_stays_if_it_was_there(folder: Path) -> None:
    with add_cwd_in_path():
        assert sys.path[0] == str(folder)
        with add_cwd_in_path():
            assert sys.path.count(str(folder)) == 1
        assert sys.path[0] == str(folder)
    assert str(folder) not in sys.path


@pytest.mark.parametrize(
    "pattern", ["**/jobs_*.py", ["**/jobs_a.py", "**/jobs_b.py"], ("**/jobs_?.py",)]
)
def test_tasks_by_pattern(folder: Path, pattern: str | list[str]) -> None:
    for name in ("jobs_a", "jobs_b"):
        (folder / "pkg_of_jobs").mkdir(exist_ok=True)
        (folder / "pkg_of_jobs" / f"{name}.py").write_text("")

    import_tasks([], pattern, True)

    assert {"pkg_of_jobs.jobs_a", "pkg_of_jobs.jobs_b"} <= set(sys.modules)


def test_pattern_counts_only_with_discovery(folder: Path) -> None:
    (folder / "jobs_unused.py").write_text("1 / 0")

    import_tasks(["json"], "jobs_*.py", False)

    assert "jobs_unused" not in sys.modules


def test_packages_are_named_as_packages(folder: Path) -> None:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "__init__.py").write_text("")

    assert list(discover_modules(["**/__init__.py"])) == ["pkg"]


def test_found_module_that_misses_an_import_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Files that only a pattern names may need what is not installed here; named modules not."""
    (tmp_path / "jobs_one.py").write_text("import no_such_package_at_all\n")
    (tmp_path / "jobs_two.py").write_text("done = True\n")
    monkeypatch.chdir(tmp_path)

    import_tasks([], "jobs_*.py", True)

    assert sys.modules.pop("jobs_two").done
    [record] = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "jobs_one" in record.getMessage()
    assert record.exc_info is not None
    with pytest.raises(LoadError, match="no_such_package_at_all"):
        import_tasks(["jobs_one"], "jobs_*.py", False)


def test_found_module_that_raises_ends_the_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jobs_bad.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(LoadError, match="ZeroDivisionError"):
        import_tasks([], "jobs_*.py", True)

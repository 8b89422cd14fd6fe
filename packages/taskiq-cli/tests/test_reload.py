"""`--reload` and what it watches."""

from pathlib import Path

import pytest
from watchfiles import Change

from taskiq_cli.reload.changes import ReloadFilter
from taskiq_cli.reload.gitignore import GitIgnore
from taskiq_testservers.cli_project import Project


def test_change_restarts_the_workers(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--reload")
    command.listening()

    while len(command.workers()) < 2:  # the watcher may not be there yet
        project.write("new.py", f"# {len(command.text)}\n")
        command.line("Listening|changed")
    command.line(r"new\.py changed: the workers are started again")
    command.listening(2)

    assert command.stop() == 0


def test_import_error_waits_for_the_next_change(project: Project) -> None:
    good = (project.folder / "app.py").read_text()
    project.write("app.py", "def broken(:\n")
    command = project.start("worker", "app:broker", "-w", "2", "--reload")
    command.line("SyntaxError: invalid syntax .*app.py, line 1")
    command.line("worker-0 waits for the next change")
    command.line("worker-1 waits for the next change")

    project.write("app.py", good)
    command.listening(2)

    assert command.text.count("SyntaxError") == 1
    assert command.stop() == 0


def test_task_that_goes_on_does_not_hold_up_a_reload(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "-r", "--shutdown-timeout", "0.2")
    project.send("hold", "a")
    project.file("a.started")

    project.write("new.py", "")
    command.listening(2)

    assert (project.files / "a.cancelled").exists()
    command.signal()
    command.line("Stopping, SIGTERM")
    command.signal()
    assert command.exit_code() == 0


def test_missing_extra_says_how_to_get_it(project: Project) -> None:
    (project.site / "sitecustomize.py").write_text(
        "import sys\nclass Block:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'watchfiles':\n            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "import importlib.util as u\nold = u.find_spec\n"
        "def find_spec(name, package=None):\n"
        "    return None if name == 'watchfiles' else old(name, package)\n"
        "u.find_spec = find_spec\n"
    )

    ran = project.run("worker", "app:broker", "--reload")

    assert ran.exit_code == 4
    assert 'watchfiles, which is not installed: pip install "taskiq-cli[reload]"' in ran.err


@pytest.mark.parametrize(
    ("file", "ignored"),
    [
        ("app.py", False),
        ("build/app.py", True),
        ("build/deep/app.py", True),
        ("sub/local.py", True),
        ("local.py", False),
        ("sub/keep.py", False),
    ],
)
def test_gitignore_of_every_folder_counts(tmp_path: Path, file: str, ignored: bool) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "sub" / ".gitignore").write_text("*.py\n!keep.py\n")

    assert GitIgnore().ignores(tmp_path / file) is ignored


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("a.py", True),
        ("settings.toml", True),
        (".env", True),
        ("data.db", False),
        ("git.py", False),
    ],
)
def test_code_and_configuration_count(tmp_path: Path, file: str, counts: bool) -> None:
    (tmp_path / ".gitignore").write_text("git.py\n")

    assert ReloadFilter(use_gitignore=True)(Change.modified, str(tmp_path / file)) is counts


def test_gitignore_can_be_left_out_and_is_read_again(tmp_path: Path) -> None:
    path = str(tmp_path / "git.py")
    (tmp_path / ".gitignore").write_text("git.py\n")
    changes = ReloadFilter(use_gitignore=True)

    assert ReloadFilter(use_gitignore=False)(Change.modified, path)
    assert not changes(Change.modified, path)
    (tmp_path / ".gitignore").write_text("")
    changes(Change.modified, str(tmp_path / ".gitignore"))
    assert changes(Change.modified, path)

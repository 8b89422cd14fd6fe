"""The folder of a supervisor's workers: its own for as long as it lives, and gone afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from taskiq_cli.processes.shared_folder import SharedFolder, temporary_folder
from taskiq_testservers.cli_project import Project

OTHER_SUPERVISOR = """
import os, sys
os.getpid = lambda: int(sys.argv[1])
from taskiq_cli.processes.shared_folder import SharedFolder
folder = SharedFolder()
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("TASKIQ_WORKERS_DIR", "")
    return folder


def start_other() -> subprocess.Popen[str]:
    """A supervisor that takes itself for the same process, as in another container."""
    return subprocess.Popen(
        [sys.executable, "-c", OTHER_SUPERVISOR, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def path_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_folder_is_private_and_named_for_child_processes(temporary: Path) -> None:
    folder = SharedFolder()

    assert Path(folder.path).parent == temporary
    assert Path(folder.path).stat().st_mode & 0o777 == 0o700
    assert os.environ["TASKIQ_WORKERS_DIR"] == folder.path
    folder.remove()
    assert not list(temporary.iterdir())


def test_supervisor_with_the_same_process_id_leaves_it_alone(temporary: Path) -> None:
    """Every container has a process 1; several may share one folder for temporary files."""
    with start_other() as other:
        theirs = path_of(other)
        ours = SharedFolder()

        assert {*temporary.iterdir()} == {theirs, Path(ours.path)}

        ours.remove()
        assert theirs.is_dir()
        other.communicate()


def test_folder_of_a_killed_supervisor_is_removed(temporary: Path) -> None:
    with start_other() as other:
        theirs = path_of(other)
        (theirs / "metrics").write_text("1")
        other.kill()
        other.wait()

        ours = SharedFolder()

    assert [*temporary.iterdir()] == [Path(ours.path)]
    ours.remove()


def test_folder_of_another_name_stays(temporary: Path) -> None:
    (temporary / "somewhere").mkdir()

    SharedFolder().remove()

    assert (temporary / "somewhere").is_dir()


@pytest.mark.parametrize("value", ["not there", ""])
def test_variable_that_names_no_folder_is_passed_over(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TMPDIR", value and str(temporary / value))
    monkeypatch.setenv("TEMP", str(temporary))

    assert temporary_folder() == str(temporary)


def test_worker_runs_though_tmpdir_does_not_exist(project: Project) -> None:
    project.env["TMPDIR"] = str(project.folder / "not there")
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()

    assert command.stop() == 0
    assert "Traceback" not in command.text

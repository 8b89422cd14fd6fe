"""`taskiq new` makes plugins that build, install and pass their tests."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from taskiq_templates.errors import FolderExistsError, PluginNameError
from taskiq_templates.make import PluginKind, make_plugin
from taskiq_templates.names import PluginNames

TASKIQ = Path(sysconfig.get_path("scripts")) / "taskiq"
SPOOL = Path(__file__).parents[3] / "examples" / "taskiq-spool" / "src" / "taskiq_spool"


def run(*command: object, cwd: Path, path: Path | None = None) -> str:
    env = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    finished = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", list(PluginKind), ids=str)
def test_a_new_plugin_is_built_installed_and_proven(tmp_path: Path, kind: PluginKind) -> None:
    project = make_plugin(kind, "my-thing", tmp_path / "project")
    installed = tmp_path / "installed"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--target", installed, project, cwd=tmp_path)

    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0")
    printed = run(*command, cwd=project, path=installed)
    listed = json.loads(run(TASKIQ, "plugins", "--json", cwd=tmp_path, path=installed))

    assert " passed" in printed
    assert " failed" not in printed
    plugins = {plugin["name"]: plugin["status"] for plugin in listed}
    assert plugins["my-thing"] == "ok"


@pytest.mark.parametrize("file", ["broker.py", "queue.py", "plugin.py"])
def test_the_broker_is_that_of_the_page_on_plugins(tmp_path: Path, file: str) -> None:
    """What the manual explains is what a new broker begins with."""
    project = make_plugin(PluginKind.BROKER, "spool", tmp_path / "project")

    made = (project / "src" / "taskiq_spool" / file).read_text()

    assert sorted(made.splitlines()) == sorted((SPOOL / file).read_text().splitlines())


@pytest.mark.parametrize(
    ("name", "module", "class_name"),
    [("amqp", "taskiq_amqp", "Amqp"), ("taskiq-my-queue", "taskiq_my_queue", "MyQueue")],
)
def test_names_come_from_one(name: str, module: str, class_name: str) -> None:
    names = PluginNames.of(name)

    assert (names.module, names.class_name) == (module, class_name)


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a--b", "a-", "class", "../a", "a b"])
def test_names_that_no_package_can_have_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginNameError, match="lower-case letters"):
        make_plugin(PluginKind.BROKER, name, tmp_path / "project")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")

    with pytest.raises(FolderExistsError, match="not empty"):
        make_plugin(PluginKind.BROKER, "amqp", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["precious"]


def test_the_command_says_what_to_do_next(tmp_path: Path) -> None:
    printed = run(TASKIQ, "new", "middleware", "audit", cwd=tmp_path)

    assert "cd taskiq-audit" in printed
    assert (tmp_path / "taskiq-audit/src/taskiq_audit/middleware.py").exists()
    assert not (tmp_path / "taskiq-audit/src/taskiq_audit/broker.py").exists()


def test_a_wrong_name_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    command = [str(TASKIQ), "new", "broker", "My Queue"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert finished.returncode != 0
    assert "'My Queue' can't be the name of a plugin" in finished.stderr
    assert "Traceback" not in finished.stderr

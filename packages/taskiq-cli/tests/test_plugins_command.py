"""`taskiq plugins`."""

from typing import Any

from taskiq_testservers.cli_project import Project

GOOD = """
from taskiq_core.plugins import BrokerSpec, Capability, hookimpl
TASKIQ_PLUGIN_API = (1, 0)
@hookimpl
def taskiq_register_brokers():
    return [BrokerSpec("files", schemes=("files",), factory="not_there:Broker",
                       description="Files.",
                       capabilities=frozenset({Capability.ACK, Capability.RELEASE}))]
"""
ENTRY = "[taskiq]\n{0} = {0}_plugin\n"


def install_some(project: Project) -> None:
    project.install("tq-good", ENTRY.format("good"), {"good_plugin": GOOD})
    project.install("tq-broken", ENTRY.format("broken"), {"broken_plugin": "1 / 0\n"})
    project.install(
        "tq-future", ENTRY.format("future"), {"future_plugin": "TASKIQ_PLUGIN_API = (9, 0)\n"}
    )


def test_table_with_reasons_and_cures(project: Project) -> None:
    install_some(project)

    ran = project.run("plugins", "--no-plugin", "cli")

    rows = {line.split()[0]: line.split()[1:] for line in ran.out.split("\n\n")[0].splitlines()}
    assert ran.exit_code == 0
    assert rows["NAME"] == ["VERSION", "STATUS", "PROVIDES"]
    assert rows["good"] == ["1.0", "ok", "broker", "files"]
    assert rows["broken"] == ["1.0", "broken", "-"]
    assert rows["future"] == ["1.0", "incompatible", "-"]
    assert rows["cli"][1] == "disabled"
    assert (
        "'broken' (tq-broken 1.0) is broken: importing broken_plugin raised ZeroDivisionError"
        in ran.out
    )
    assert "'cli' (taskiq-cli" in ran.out


def test_one_plugin(project: Project) -> None:
    install_some(project)

    ran = project.run("plugins", "tq-good")

    assert ran.exit_code == 0
    assert "broker files: not_there:Broker (Files.)" in ran.out
    assert "URLs: files://" in ran.out
    assert "capabilities: ack, release" in ran.out
    assert "Traceback" in project.run("plugins", "broken").out


def test_plugin_that_is_not_installed(project: Project) -> None:
    ran = project.run("plugins", "nope")

    assert ran.exit_code == 2
    assert "There is no plugin 'nope'. Installed are: " in ran.err


def test_capabilities(project: Project) -> None:
    install_some(project)

    ran = project.run("plugins", "--capabilities")

    assert ["files", "good", "files://", "ack,", "release", "not", "known"] in [
        row.split() for row in ran.out.splitlines()
    ]


def test_json(project: Project) -> None:
    install_some(project)

    found: Any = project.run("plugins", "--json").json

    by_name = {each["name"]: each for each in found}
    assert by_name["good"]["status"] == "ok"
    assert by_name["good"]["provides"]["brokers"] == [
        {
            "name": "files",
            "target": "not_there:Broker",
            "description": "Files.",
            "schemes": ["files"],
            "capabilities": ["ack", "release"],
            "proven": None,
        }
    ]
    assert by_name["broken"]["status"] == "broken"
    assert by_name["broken"]["cure"]
    assert {each["name"] for each in by_name["cli"]["provides"]["commands"]} == {
        "worker",
        "tasks",
        "plugins",
        "queue",
        "dead",
        "abort",
        "result",
        "health",
    }


def test_check(project: Project) -> None:
    install_some(project)

    assert project.run("plugins", "good", "--check").exit_code == 0
    assert project.run("plugins", "--check").exit_code == 1
    project.write("pyproject.toml", "[tool.taskiq]\nrequired_plugins = ['nope']\n")
    assert project.run("plugins").exit_code == 0
    assert project.run("plugins", "good", "--check").exit_code == 4


def test_plugins_that_the_project_disables(project: Project) -> None:
    install_some(project)
    project.write("pyproject.toml", "[tool.taskiq]\ndisabled_plugins = ['good']\n")

    assert "'good' (tq-good 1.0) is disabled" in project.run("plugins").out


def test_disabled_plugins_are_disabled_in_workers(project: Project) -> None:
    project.write(
        "seen.py",
        "import os\nfrom app import broker\nprint('off:', os.environ['TASKIQ_DISABLE_PLUGINS'])\n",
    )

    ran = project.run("--no-plugin", "a", "tasks", "seen:broker", "--no-plugin", "b")

    assert "off: a,b" in ran.out

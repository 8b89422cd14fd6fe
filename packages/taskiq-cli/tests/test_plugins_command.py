"""`taskiq plugins`."""

import json
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


def matrix_of(version: str, **statuses: str) -> str:
    """A matrix of the broker `files`; capabilities with a plus depend on something."""
    rows = {
        name.rstrip("_"): {
            "declared": status != "refused",
            "status": status,
            **({"depends": True} if name.endswith("_") else {}),
        }
        for name, status in {"contract": "proven", **statuses}.items()
    }
    suite = {"kind": "broker", "class": "a:Broker", "version": version, "capabilities": rows}
    return json.dumps({"format": 1, "suites": [suite]})


def install_proven(project: Project, matrix: str) -> None:
    project.install("tq-good", ENTRY.format("good"), {"good_plugin": GOOD})
    package = project.site / "not_there"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "taskiq-matrix.json").write_text(matrix)


def proof_in(project: Project) -> tuple[str, Any, Any]:
    """What the detailed list says of the broker, and the JSON."""
    details = project.run("plugins", "good").out
    (line,) = [each for each in details.splitlines() if "proven:" in each]
    (spec,) = project.run("plugins", "good", "--json").json[0]["provides"]["brokers"]
    return line.strip(), spec["proven"], spec["depends"]


def test_matrix_of_the_installed_version_is_believed(project: Project) -> None:
    install_proven(project, matrix_of("1.0", ack="proven", release="failed", lease="refused"))

    assert proof_in(project) == ("proven: all but release", ["ack"], [])


def test_matrix_of_another_version_is_not_believed(project: Project) -> None:
    install_proven(project, matrix_of("0.9", ack="proven", release="proven"))

    text = "proven: not known: the matrix is of version 0.9"
    assert proof_in(project) == (text, None, [])


def test_capabilities_that_depend_on_the_server_are_named(project: Project) -> None:
    """The spec lists the least; the matrix was made on a server that can do more."""
    install_proven(project, matrix_of("1.0", ack="proven", release="proven", priority_="proven"))

    found = proof_in(project)

    assert found == ("proven: all; depends: priority", ["ack", "release"], ["priority"])


def test_matrix_of_other_capabilities_proves_nothing(project: Project) -> None:
    install_proven(project, matrix_of("1.0", ack="proven", release="proven", priority="proven"))

    assert proof_in(project) == ("proven: not known", None, [])


def test_matrix_that_can_not_be_read_proves_nothing(project: Project) -> None:
    install_proven(project, matrix_of("1.0", ack="proven").replace("status", "state"))

    assert proof_in(project) == ("proven: not known", None, [])


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
            "depends": [],
        }
    ]
    assert by_name["broken"]["status"] == "broken"
    assert by_name["broken"]["cure"]
    assert {each["name"] for each in by_name["cli"]["provides"]["commands"]} == {
        "worker",
        "tasks",
        "plugins",
        "queue",
        "messages",
        "move",
        "dead",
        "workers",
        "history",
        "top",
        "send",
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

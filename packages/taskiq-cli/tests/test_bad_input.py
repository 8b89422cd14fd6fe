"""Every mistake gets one paragraph that says what to do, once, and a status that is not 0."""

import re

import pytest

from taskiq_testservers.cli_project import Project

TAIL = "Correct it and start again; --traceback shows more."


def write_mistakes(project: Project) -> None:
    project.write(
        "raises.py", "from app import broker\n\n\ndef f():\n    return {}['x']\n\n\nf()\n"
    )
    project.write("leaves.py", "import sys\nsys.exit('DATABASE_URL is not set')\n")
    project.write("needs.py", "import not_there_at_all\n")
    project.write(
        "things.py",
        "from app import broker, note\nimport app as module\nfrom file_broker import FileBroker\n"
        "class Scheduler:\n    pass\nscheduler = Scheduler()\nscheduler.broker = broker\n"
        "number = 3\nnothing = None\n"
        "def gives_nothing():\n    pass\n"
        "def raises():\n    raise OSError('no route')\n"
        "async def async_raises():\n    raise OSError('no route')\n"
        "def wants_more(x):\n    return broker\n"
        "class NotReceiver:\n    pass\n",
    )


LOADING = [
    ("nowhere:broker", 3, "There is no module 'nowhere'."),
    ("ap:broker", 3, "Did you mean 'app'?"),
    ("app.tkq:broker", 3, "There is no module 'app.tkq'."),
    ("nowhere.tkq:broker", 3, "There is no module 'nowhere.tkq', not even 'nowhere'."),
    ("raises:broker", 3, r"it raised KeyError: 'x' \(.*raises.py, line 5\). " + TAIL),
    ("leaves:broker", 3, r"it raised SystemExit: DATABASE_URL is not set \(.*leaves.py, line 2\)"),
    ("needs:broker", 3, r"named 'not_there_at_all' \(.*needs.py, line 1\). Is it installed"),
    ("app:brokr", 3, r"The module 'app' \(.*app.py\) has no 'brokr'. Did you mean 'broker'"),
    ("things:number", 3, "'things:number' is not a broker but an object of type int. Give an"),
    ("things:nothing", 3, "is not a broker but None"),
    ("things:note", 3, "is not a broker but the task 'note'. Give the path of the broker"),
    ("things:FileBroker", 3, "is not a broker but the class FileBroker. Give an object"),
    ("things:module", 3, "is not a broker but a module. Give a name in it: things.module:broker"),
    ("things:scheduler", 3, "a Scheduler, which has a broker. Give that one: things:sched"),
    ("things:gives_nothing", 3, "is not a broker but a function that returned None"),
    ("things:raises", 3, r"'things:raises', which makes the broker, raised OSError: no route \("),
    ("things:async_raises", 3, r"which makes the broker, raised OSError: no route"),
    ("things:wants_more", 3, r"raised TypeError: .*It is called without arguments"),
    ("app", 2, "'app' is not of the form 'module:object'"),
    ("app.broker", 2, "Did you mean 'app:broker'"),
    ("app/tkq.py:broker", 2, "Modules are named as in an import: app.tkq:broker"),
    ("redis://localhost", 2, "A URL is for broker_from_url"),
    ("app:", 2, "is not of the form"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "code", "message"), LOADING)
@pytest.mark.parametrize("command", ["worker", "tasks"])
def test_wrong_broker(project: Project, command: str, path: str, code: int, message: str) -> None:
    write_mistakes(project)

    ran = project.run(command, path)

    text = " ".join(ran.err.split())
    assert ran.exit_code == code, ran
    assert len(re.findall(message, text)) == 1, ran
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_tasks_here"], "There is no module 'no_tasks_here'"),
        (["raises"], "KeyError: 'x'"),
        (["-fsd", "-tp", "rais*.py"], "KeyError: 'x'"),
        (["--receiver", "things:NotReceiver"], "must be a subclass of Receiver"),
        (["--receiver", "things:Missing"], "has no 'Missing'"),
        (["--receiver_arg", "colour=red"], "colour.*--receiver_arg colour=red"),
    ],
)
def test_wrong_module_or_receiver(project: Project, arguments: list[str], message: str) -> None:
    write_mistakes(project)

    ran = project.run("worker", "app:broker", "-w", "3", *arguments)

    assert ran.exit_code == 3, ran
    assert len(re.findall(message, ran.err)) == 1, ran
    assert "the application can't be loaded" in ran.err
    assert "Traceback" not in ran.err


def test_broker_that_no_worker_can_listen_to(project: Project) -> None:
    ran = project.run("worker", "taskiq_core.shared_broker:async_shared_broker")

    assert ran.exit_code == 3, ran
    assert ran.err.count("Shared broker cannot listen: start the worker with a real") == 1


@pytest.mark.parametrize("option", [["--traceback"], ["--log-level", "DEBUG"]])
def test_traceback_is_shown_when_asked_for(project: Project, option: list[str]) -> None:
    write_mistakes(project)

    ran = project.run("worker", "raises:broker", *option)

    assert ran.err.count("Traceback (most recent call last)") == 1
    assert "return {}['x']" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nope"], "No such option.*--nope"),
        (["--max-prefetch", "-1"], "-1 is not in the range"),
        (["-w", "two"], r"'--workers' / '-w': 'two' is not a valid integer\."),
        (["--shutdown-timeout", "soon"], r"'--shutdown-timeout': 'soon' is not a valid number\."),
        (["--shutdown-timeout", "nan"], r"'--shutdown-timeout': 'nan' is not a valid number\."),
        (["--ack-type", "never"], "'never' is not one of"),
        (["--receiver_arg", "x"], "'x' is not of the form NAME=VALUE"),
        (["--log-format", "%(nonsense"], "%-style format of the logging module"),
        (["--reload-dir", "not/there"], "does not exist"),
    ],
)
def test_wrong_options(project: Project, arguments: list[str], message: str) -> None:
    ran = project.run("worker", "app:broker", *arguments)

    assert ran.exit_code == 2, ran
    assert re.search(message, ran.err), ran


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker", "app:broker"],
        ["tasks", "app:broker"],
        ["queue", "stats", "app:broker"],
        ["dead", "list", "app:broker"],
        ["result", "x", "app:broker"],
        ["abort", "x", "app:broker"],
    ],
)
def test_app_dir_that_is_not_there(project: Project, arguments: list[str]) -> None:
    """It is not ignored, though the application can be imported from the current folder."""
    ran = project.run(*arguments, "--app-dir", "srk")

    assert ran.exit_code == 2, ran
    assert "'--app-dir' / '-d': Directory 'srk' does not exist." in ran.err


def test_no_broker_at_all(project: Project) -> None:
    ran = project.run("worker")

    assert ran.exit_code == 2
    assert '[tool.taskiq] broker = "app.tkq:broker"' in ran.err


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ("[tool.taskiq]\nbroker = 3\n", 2, "tool.taskiq.broker: must be a string"),
        ("[tool.taskiq]\nbroker = 'app'\n", 2, "not of the form"),
        ("[tool.taskiq\n", 2, "not valid TOML"),
        (
            "[tool.taskiq]\nbroker = 'app:broker'\nrequired_plugins = ['nope']\n",
            4,
            "'nope' is required, but it is not installed",
        ),
    ],
)
def test_wrong_settings(project: Project, settings: str, code: int, message: str) -> None:
    project.write("pyproject.toml", settings)

    ran = project.run("worker")

    assert ran.exit_code == code, ran
    assert message in " ".join(ran.err.split())


def test_unknown_command(project: Project) -> None:
    ran = project.run("wroker")

    assert ran.exit_code == 2
    assert "There is no command 'wroker'. Did you mean 'worker'?" in ran.err


def test_unreadable_message_leaves_the_worker_running(project: Project) -> None:
    """Garbage on the wire is logged and dropped; the task behind it is run."""
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()

    (project.folder / "messages" / "queue" / "0-garbage").write_bytes(b"\x00\xff not a message")
    project.send("note", "behind")

    project.file("behind")
    assert command.stop() == 0
    assert project.taken() == 0

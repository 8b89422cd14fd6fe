"""Workers are forked from a server that has imported what they need."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from taskiq_testservers.cli_project import Command, Project, is_running, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")

FORKED = "--fork-server"
SPAWNED = "--no-fork-server"
LOOK = """
import gc, json, os, random, signal, sys, threading
from app import broker, files, leave

parent_at_import = os.getppid()

def kinds():
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}").partition(":")[0].partition("log-")[0])
        except FileNotFoundError:
            continue
    return sorted(found)

def name_of(handler):
    return getattr(handler, "__qualname__", str(handler))

@broker.task(task_name="look")
async def look(name: str) -> None:
    import __main__
    leave(name, json.dumps({
        "pid": os.getpid(),
        "argv": sys.argv[:1] + [each for each in sys.argv[1:] if not each.isdigit()],
        "main": __main__.__file__,
        "path": sys.path,
        "flags": list(sys.flags),
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "parent": os.getppid(),
        "parent_at_import": parent_at_import,
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "open": kinds(),
        "threads": sorted(each.name for each in threading.enumerate()),
        "random": random.random(),
        "is_collecting": gc.isenabled(),
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "handlers": [name_of(signal.getsignal(number)) for number in (1, 13, 15, 17)],
    }))
"""
PRELOADED = """
[taskiq]
extra = extra_plugin
"""
PLUGIN = """
from taskiq_core.plugins import PreloadModule, hookimpl

TASKIQ_PLUGIN_API = (1, 1)

@hookimpl
def taskiq_register_preload_modules():
    return [PreloadModule("extra_module")]
"""


def children(command: Command) -> list[int]:
    pid = command.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def server_of(command: Command) -> int:
    """The fork server: the only child of the supervisor that is not a worker."""
    (server,) = set(children(command)) - set(command.workers())
    return server


def seen(project: Project, name: str) -> dict[str, Any]:
    project.send("look", name, module="looking")
    facts: dict[str, Any] = json.loads(project.file(name))
    return facts


@pytest.fixture
def looking(project: Project) -> Project:
    project.write("looking.py", LOOK)
    return project


def test_forked_worker_is_as_if_it_had_been_started(looking: Project) -> None:
    """Arguments, path, environment, descriptors, signals, groups: a task can't tell them apart."""
    facts = {}
    for way in (FORKED, SPAWNED):
        command = looking.start("worker", "looking:broker", "-w", "1", "--log-level", "ERROR", way)
        found = facts[way] = seen(looking, way)
        assert found["group"] == found["pid"]
        assert found["parent"] == found["parent_at_import"] == command.process.pid
        assert command.stop() == 0
    for found in facts.values():
        del found["pid"], found["group"], found["parent"], found["parent_at_import"]
        del found["random"], found["environment"]["TASKIQ_WORKERS_DIR"]
        found["argv"] = [found["argv"][0], found["argv"][1]]  # the others have unique ids

    assert facts[FORKED] == facts[SPAWNED]


def test_forked_workers_do_not_share_their_random_numbers(looking: Project) -> None:
    command = looking.start(
        "worker", "looking:broker", "-w", "1", FORKED, "--max-tasks-per-child", "1"
    )
    first, second = seen(looking, "first"), seen(looking, "second")

    assert first["pid"] != second["pid"]
    assert first["random"] != second["random"]
    assert command.stop() == 0


def test_two_workers_are_forked_and_one_alone_is_not(project: Project) -> None:
    one = project.start("worker", "app:broker", "-w", "1")
    two = project.start("worker", "app:broker", "-w", "2")
    none = project.start("worker", "app:broker", "-w", "2", SPAWNED)
    one.listening()
    two.listening(2)
    none.listening(2)

    assert children(one) == one.workers()
    assert is_running(server_of(two))
    assert sorted(children(none)) == sorted(none.workers())
    assert [command.stop() for command in (one, two, none)] == [0, 0, 0]


def test_fork_server_never_imports_the_application(project: Project) -> None:
    project.write(
        "heavy.py",
        "import os\nfrom app import broker, files\n"
        "with (files / 'imported').open('a') as out:\n    out.write(f'{os.getpid()}\\n')\n",
    )
    command = project.start("worker", "heavy:broker", "-w", "2")
    command.listening(2)

    assert sorted(map(int, project.file("imported").split())) == sorted(command.workers())
    assert command.stop() == 0


def test_nothing_of_taskiq_is_left_for_workers_to_import(project: Project) -> None:
    """What each worker imports by itself, it does not share."""
    project.write(
        "late.py",
        "import sys\nfrom app import broker, leave\n"
        "before = set(sys.modules)\n"
        "@broker.task(task_name='late')\n"
        "async def late() -> None:\n"
        "    leave('late', ' '.join(set(sys.modules) - before))\n",
    )
    command = project.start("worker", "late:broker", "-w", "1", FORKED, "--health", "127.0.0.1:0")
    command.listening()
    project.send("late", module="late")

    assert [name for name in project.file("late").split() if name.startswith("taskiq")] == []
    assert command.stop() == 0


def test_killed_worker_is_forked_again_from_the_same_server(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    server, killed = server_of(command), command.workers()[0]

    os.kill(killed, signal.SIGKILL)
    command.line(r"was killed by SIGKILL .*, it is started again at once")
    command.listening(3)

    assert server_of_running(command) == server
    assert command.stop() == 0
    assert not any(is_running(pid) for pid in (server, *command.workers()))


def server_of_running(command: Command) -> int:
    (server,) = {pid for pid in children(command) if is_running(pid)} - set(command.workers())
    return server


def test_workers_go_on_when_the_fork_server_is_killed(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    killed, workers = server_of(command), command.workers()
    project.send("hold", "a")
    project.file("a.started")

    os.kill(killed, signal.SIGKILL)
    command.line(r"The fork server \(\d+\) was killed by SIGKILL .*; its workers go on")
    (project.files / "a.go").touch()
    project.file("a.done")
    project.send("note", "b")

    assert int(project.file("b")) in workers
    new = until(lambda: set(children(command)) - set(workers) - {killed}, "another fork server")
    os.kill(workers[0], signal.SIGKILL)
    command.listening(3)
    assert set(children(command)) == {workers[1], command.workers()[2], *new}
    assert command.stop() == 0


def test_fork_server_that_hangs_is_killed_and_replaced(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    hanging = server_of(command)

    os.kill(hanging, signal.SIGSTOP)
    os.kill(command.workers()[0], signal.SIGKILL)
    command.listening(3)

    until(lambda: not is_running(hanging), "the end of the fork server")
    assert command.stop() == 0


def test_nothing_is_left_of_a_killed_supervisor(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "2", "--shutdown-timeout", "0.3")
    command.listening(2)
    processes = children(command)

    command.signal(signal.SIGKILL)
    command.exit_code()

    until(lambda: not any(map(is_running, processes)), "the end of the orphans")
    assert len(processes) == 3
    assert command.text.count("The supervisor is gone") == 2


def test_reload_replaces_the_fork_server_as_well(project: Project) -> None:
    """An upgrade may have changed what it has imported."""
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    before = server_of(command)

    command.signal(signal.SIGHUP)
    command.listening(4)

    assert server_of_running(command) != before
    assert not is_running(before)
    assert command.stop() == 0


def test_sigterm_for_everybody_ends_the_workers_in_order(project: Project) -> None:
    """As of a service manager that signals every process, the fork server as well."""
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    project.send("hold", "a")
    project.file("a.started")

    for pid in (*children(command), command.process.pid):
        os.kill(pid, signal.SIGTERM)
    command.line("Stopping, SIGTERM")
    (project.files / "a.go").touch()

    assert command.exit_code() == 0
    assert (project.files / "a.done").exists()
    assert "The fork server" not in command.text


def test_forked_worker_is_replaced_after_its_tasks(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", FORKED, "--max-tasks-per-child", "1")
    for name in ("a", "b", "c"):
        project.send("note", name)

    assert len({int(project.file(name)) for name in ("a", "b", "c")}) == 3
    assert "failed" not in command.text
    assert command.stop() == 0


def test_exit_status_of_a_forked_worker_is_seen(project: Project) -> None:
    project.write("dies.py", "import os\nfrom app import broker\nos._exit(9)\n")

    command = project.start("worker", "dies:broker", "-w", "2", "--max-fails", "2")

    assert command.exit_code() == 255
    assert "has failed with exit status 9" in command.text


def test_forked_worker_that_is_stopped_while_it_imports_has_not_crashed(project: Project) -> None:
    project.write("slow.py", "import time\nprint('importing', flush=True)\ntime.sleep(1000)\n")
    command = project.start("worker", "slow:broker", "-w", "2")
    command.line("importing\n[^$]*importing")

    assert command.stop() == 0


def test_no_zombie_is_left_of_forked_workers(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    server = server_of(command)
    os.kill(command.workers()[0], signal.SIGKILL)
    command.listening(3)

    assert sorted(children(command)) == sorted([server, *command.workers()[1:]])
    assert command.stop() == 0


def test_module_of_a_plugin_is_imported_before_the_workers_are_forked(project: Project) -> None:
    module = "import os\nfrom pathlib import Path\nPath('preloaded').write_text(str(os.getpid()))\n"
    project.install("extra", PRELOADED, {"extra_plugin": PLUGIN, "extra_module": module})
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)

    assert int((project.folder / "preloaded").read_text()) == server_of(command)
    assert command.stop() == 0


def test_module_of_a_plugin_that_fails_is_left_out(project: Project) -> None:
    project.install("extra", PRELOADED, {"extra_plugin": PLUGIN, "extra_module": "1 / 0\n"})
    command = project.start("worker", "app:broker", "-w", "2", "--log-level", "DEBUG")
    command.listening(2)

    command.line("The fork server leaves out extra_module: ")
    assert is_running(server_of(command))
    assert command.stop() == 0


def test_module_of_a_plugin_that_starts_a_thread_rules_forking_out(project: Project) -> None:
    """Beside threads a forked process may hang: their locks stay locked."""
    module = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    project.install("extra", PRELOADED, {"extra_plugin": PLUGIN, "extra_module": module})
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)

    command.line("Workers are started without a fork server: extra_module, .* starts a thread")
    assert sorted(children(command)) == sorted(command.workers())
    assert command.stop() == 0

"""What the exit status of `taskiq` means."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Every status that the command, and the processes it starts, end with."""

    OK = 0
    """Done; for a worker: stopped by a signal, and every task was finished or given back."""
    FAILURE = 1
    """Done, but the answer is a bad one: a worker process crashed, `taskiq plugins --check` found a
    plugin that is out of order, a task has failed, or what an operator named is not there."""
    USAGE = 2
    """The command line, or [tool.taskiq] in pyproject.toml, makes no sense."""
    LOAD_FAILED = 3
    """The broker, a module with tasks or the receiver could not be imported."""
    PLUGIN_UNAVAILABLE = 4
    """A required plugin, a plugin's command or an optional dependency is missing or broken."""
    WORKERS_KILLED = 5
    """Worker processes did not leave in time and had to be killed."""
    ORPHANED = 6
    """Of a worker process: its supervisor was killed."""
    UNSUPPORTED = 7
    """The broker can't do what was asked for: it lacks the capability."""
    BROKER_UNUSABLE = 8
    """The broker, or its result backend, can't be connected to or failed."""
    START_FAILED = 9
    """A worker can't start as the application is set up, and would not when it is tried again."""
    MAX_FAILS = 255
    """Worker processes ended unexpectedly `--max-fails` times; taskiq 0.13's status -1."""

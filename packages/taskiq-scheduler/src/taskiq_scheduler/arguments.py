"""SchedulerArgs: the options of `taskiq scheduler`, made in a program or read from arguments."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from taskiq_core.loading.log_level import LogLevel
from taskiq_core.loading.task_modules import DEFAULT_PATTERNS
from taskiq_scheduler.scheduler import TaskiqScheduler


@dataclass
class SchedulerArgs:
    """The options of a scheduler; all durations are seconds."""

    scheduler: str | TaskiqScheduler
    modules: list[str]
    app_dir: str | None = None
    log_level: LogLevel = LogLevel.INFO
    configure_logging: bool = True
    fs_discover: bool = False
    tasks_pattern: Sequence[str] = DEFAULT_PATTERNS
    skip_first_run: bool = False
    update_interval: int | None = None
    loop_interval: int | None = None
    send_timeout: float | None = None

    @classmethod
    def from_cli(cls, args: Sequence[str] | None = None) -> Self:
        """Read the options from command-line arguments, by default from those of this process."""
        values = vars(_parser().parse_args(args))
        values["log_level"] = LogLevel[values["log_level"]]
        # What is given replaces the default, to which argparse would add it.
        given = values["tasks_pattern"][len(DEFAULT_PATTERNS) :]
        values["tasks_pattern"] = given or DEFAULT_PATTERNS
        return cls(**values)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("taskiq scheduler")
    parser.add_argument("scheduler", help="where the scheduler is, as in app.tkq:scheduler")
    parser.add_argument("modules", nargs="*", help="modules that declare tasks")
    parser.add_argument("--app-dir", "-d")
    parser.add_argument("--fs-discover", "-fsd", action="store_true")
    parser.add_argument("--tasks-pattern", "-tp", action="append", default=[*DEFAULT_PATTERNS])
    parser.add_argument("--log-level", choices=[level.name for level in LogLevel], default="INFO")
    parser.add_argument("--no-configure-logging", action="store_false", dest="configure_logging")
    parser.add_argument("--skip-first-run", action="store_true")
    parser.add_argument("--update-interval", type=int)
    parser.add_argument("--loop-interval", type=int)
    parser.add_argument("--send-timeout", type=float)
    return parser

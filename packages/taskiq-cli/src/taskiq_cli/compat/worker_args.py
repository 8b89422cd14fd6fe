"""WorkerArgs: the options of `taskiq worker`, to be made in a program or read from arguments."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from taskiq_cli.options import DEFAULT_LOG_FORMAT, DEFAULT_RECEIVER, WorkerOptions
from taskiq_core.broker import AsyncBroker
from taskiq_core.loading.log_level import LogLevel
from taskiq_core.loading.task_modules import DEFAULT_PATTERNS
from taskiq_core.messages.acks import AcknowledgeType, parse_acknowledge_type


def receiver_arg_type(string: str) -> tuple[str, str]:
    """NAME=VALUE, as a pair.

    Raises:
        ArgumentTypeError: the equals sign is missing.
    """
    name, equals, value = string.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{string!r} is not of the form NAME=VALUE")
    return name, value


@dataclass
class WorkerArgs:
    """What workers are started with, all durations in seconds; `taskiq worker --help` says more.

    Attributes:
        broker: its path, such as "app.tkq:broker"; for `start_listen` also the broker itself.
    """

    broker: str | AsyncBroker
    modules: list[str]
    app_dir: str | None = None
    tasks_pattern: Sequence[str] = DEFAULT_PATTERNS
    fs_discover: bool = False
    configure_logging: bool = True
    log_level: LogLevel = LogLevel.INFO
    log_format: str = DEFAULT_LOG_FORMAT
    workers: int = 2
    max_threadpool_threads: int | None = None
    max_process_pool_processes: int | None = None
    no_parse: bool = False
    shutdown_timeout: float = 5
    reload: bool = False
    reload_dirs: list[str] = field(default_factory=list)
    no_gitignore: bool = False
    max_async_tasks: int = 100
    max_async_tasks_jitter: int = 0
    receiver: str = DEFAULT_RECEIVER
    receiver_arg: list[tuple[str, str]] = field(default_factory=list)
    max_prefetch: int = 0
    no_propagate_errors: bool = False
    max_fails: int = -1
    ack_type: AcknowledgeType = AcknowledgeType.WHEN_SAVED
    max_tasks_per_child: int | None = None
    wait_tasks_timeout: float | None = None
    hardkill_count: int = 3
    use_process_pool: bool = False

    @classmethod
    def from_cli(
        cls, args: Sequence[str] | None = None, defaults: dict[str, Any] | None = None
    ) -> Self:
        """Read the options from command-line arguments.

        Args:
            args: the arguments; None for those of this process.
            defaults: values for options that the arguments leave out.
        """
        parser = _parser()
        parser.set_defaults(**(defaults or {}))
        values = vars(parser.parse_args(args))
        if values["max_prefetch"] < 0:  # also where it is a default, which argparse does not check
            parser.error("argument --max-prefetch: must be at least 0")
        values["log_level"] = LogLevel[values["log_level"]]
        # What is given replaces the default, to which argparse would add it.
        values["tasks_pattern"] = _without_default(values["tasks_pattern"])
        return cls(**values)

    def to_options(self) -> WorkerOptions:
        """The options in the form that travels to the supervisor."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["broker"] = self.broker if isinstance(self.broker, str) else repr(self.broker)
        for name in ("modules", "tasks_pattern", "reload_dirs", "receiver_arg"):
            values[name] = tuple(values[name])
        values["log_level"] = LogLevel(self.log_level).name
        values["ack_type"] = parse_acknowledge_type(self.ack_type).value
        return WorkerOptions(**values)


def _without_default(patterns: list[str]) -> Sequence[str]:
    return patterns[len(DEFAULT_PATTERNS) :] or DEFAULT_PATTERNS


def _parser() -> ArgumentParser:
    parser = ArgumentParser("taskiq worker")
    parser.add_argument("broker", help="where the broker is, as in app.tkq:broker")
    parser.add_argument("modules", nargs="*", help="modules that declare tasks")
    parser.add_argument("--app-dir", "-d")
    parser.add_argument("--receiver", default=DEFAULT_RECEIVER)
    parser.add_argument("--receiver_arg", action="append", type=receiver_arg_type, default=[])
    parser.add_argument("--tasks-pattern", "-tp", action="append", default=[*DEFAULT_PATTERNS])
    parser.add_argument("--fs-discover", "-fsd", action="store_true")
    parser.add_argument("--log-level", choices=[level.name for level in LogLevel], default="INFO")
    parser.add_argument("--log-format", default=DEFAULT_LOG_FORMAT)
    parser.add_argument("--no-configure-logging", action="store_false", dest="configure_logging")
    parser.add_argument("--no-parse", action="store_true")
    parser.add_argument("--no-propagate-errors", action="store_true")
    parser.add_argument("--use-process-pool", action="store_true")
    parser.add_argument("--reload", "-r", action="store_true")
    parser.add_argument("--reload-dir", action="append", dest="reload_dirs", default=[])
    parser.add_argument("--do-not-use-gitignore", action="store_true", dest="no_gitignore")
    parser.add_argument(
        "--ack-type",
        type=parse_acknowledge_type,
        choices=_AckTypes(AcknowledgeType),
        default=AcknowledgeType.WHEN_SAVED,
    )
    _add_numbers(parser)
    return parser


def _add_numbers(parser: ArgumentParser) -> None:
    parser.add_argument("--workers", "-w", type=int, default=2)
    parser.add_argument("--max-threadpool-threads", type=int)
    parser.add_argument("--max-process-pool-processes", type=int)
    parser.add_argument("--shutdown-timeout", type=float, default=5)
    parser.add_argument("--max-async-tasks", type=int, default=100)
    parser.add_argument("--max-async-tasks-jitter", type=int, default=0)
    parser.add_argument("--max-prefetch", type=int, default=0)
    parser.add_argument("--max-fails", type=int, default=-1)
    parser.add_argument("--max-tasks-per-child", type=int)
    parser.add_argument("--wait-tasks-timeout", type=float)
    parser.add_argument("--hardkill-count", type=int, default=3)


class _AckTypes(list[str]):
    """Names to show, and members to accept: argparse compares what `type` returned."""

    def __init__(self, members: type[AcknowledgeType]) -> None:
        super().__init__(member.value for member in members)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, AcknowledgeType)

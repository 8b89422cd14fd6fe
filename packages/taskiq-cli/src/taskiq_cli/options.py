"""The options of `taskiq worker`, as they travel to its processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from taskiq_core.loading.task_modules import DEFAULT_PATTERNS

DEFAULT_LOG_FORMAT = "[%(asctime)s][%(name)s][%(levelname)-7s][%(processName)s] %(message)s"
DEFAULT_RECEIVER = "taskiq_core.receiver:Receiver"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What one `taskiq worker` was started with; all durations are seconds."""

    broker: str
    modules: tuple[str, ...] = ()
    app_dir: str | None = None
    receiver: str = DEFAULT_RECEIVER
    receiver_arg: tuple[tuple[str, str], ...] = ()
    tasks_pattern: tuple[str, ...] = DEFAULT_PATTERNS
    fs_discover: bool = False
    workers: int = 2
    log_level: str = "INFO"
    log_format: str = DEFAULT_LOG_FORMAT
    configure_logging: bool = True
    traceback: bool = False
    no_parse: bool = False
    no_propagate_errors: bool = False
    max_threadpool_threads: int | None = None
    use_process_pool: bool = False
    max_process_pool_processes: int | None = None
    shutdown_timeout: float = 5.0
    reload: bool = False
    reload_dirs: tuple[str, ...] = ()
    no_gitignore: bool = False
    max_async_tasks: int = 100
    max_async_tasks_jitter: int = 0
    max_prefetch: int = 0
    max_fails: int = -1
    ack_type: str = "when_saved"
    max_tasks_per_child: int | None = None
    wait_tasks_timeout: float | None = None
    max_block: float = 600.0
    hardkill_count: int = 3
    health: str | None = None
    with_scheduler: str | None = None
    queues: str | None = None
    queues_strict: bool = False
    fork_server: bool | None = None

    @property
    def wants_fork_server(self) -> bool:
        """Whether workers are to be forked; one alone has no other to share its memory with."""
        return self.workers > 1 if self.fork_server is None else self.fork_server

    @property
    def shows_tracebacks(self) -> bool:
        """Whether the application's own tracebacks are shown when it can't be loaded."""
        return self.traceback or self.log_level == "DEBUG"

    def to_json(self) -> str:
        """One line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerOptions:
        """What `to_json` wrote."""
        values = json.loads(text)
        known = {field.name for field in fields(cls)}
        plain = {name: value for name, value in values.items() if name in known}
        for name in ("modules", "tasks_pattern", "reload_dirs"):
            plain[name] = tuple(plain[name])
        plain["receiver_arg"] = tuple((key, value) for key, value in plain["receiver_arg"])
        return cls(**plain)

"""The part of the worker's options that the supervisor reads."""

from __future__ import annotations

import json


class SupervisorSettings:
    """The options that the supervisor reads; `text` holds all of them, for the workers.

    Args:
        text: what `WorkerOptions.to_json` wrote.
    """

    def __init__(self, text: str) -> None:
        options = json.loads(text)
        self.text = text
        self.broker: str = options["broker"]
        self.workers: int = options["workers"]
        self.log_format: str = options["log_format"]
        self.log_level: str = options["log_level"]
        self.max_fails: int = options["max_fails"]
        self.hardkill_count: int = options["hardkill_count"]
        self.wait_tasks_timeout: float | None = options["wait_tasks_timeout"]
        self.shutdown_timeout: float = options["shutdown_timeout"]
        self.reload: bool = options["reload"]
        self.health: str | None = options["health"]
        self.fork_server: bool = options["fork_server"]

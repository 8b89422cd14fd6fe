"""The worker's logging, by `--log-level` and `--log-format`."""

import logging
import traceback


def set_log_level(level: str) -> None:
    """Set the level of the logger `taskiq`, also where the application sets up logging."""
    logging.getLogger("taskiq").setLevel(level)


def configure_logging(level: str, line_format: str, process_name: str) -> None:
    """Log to standard error, with the name of this worker as `processName`."""
    handler = logging.StreamHandler()
    handler.addFilter(_ProcessName(process_name))
    logging.basicConfig(level=level, format=line_format, handlers=[handler])
    # The logger of taskiq-dependencies, which says of every generator how it was closed.
    logging.getLogger("taskiq.dependencies.ctx").addFilter(_is_from_a_dependency)


class _ProcessName(logging.Filter):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def filter(self, record: logging.LogRecord) -> bool:
        # Python's own name, without importing multiprocessing for it.
        if record.processName == "MainProcess":
            record.processName = self._name
        return True


def _is_from_a_dependency(record: logging.LogRecord) -> bool:
    """Whether the exception of a record is a dependency's own, raised while it was closed.

    Dependencies see the exception of their task, and raise it again: it is logged as the task's.
    """
    trace = record.exc_info[2] if record.exc_info else None
    modules = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(trace))
    return not any(name.startswith("taskiq_core.") for name in modules)

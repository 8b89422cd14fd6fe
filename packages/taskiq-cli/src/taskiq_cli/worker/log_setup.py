"""The worker's logging, by `--log-level` and `--log-format`."""

import logging


def configure_logging(level: str, line_format: str, process_name: str) -> None:
    """Log to standard error, with the name of this worker as `processName`."""
    handler = logging.StreamHandler()
    handler.addFilter(_ProcessName(process_name))
    logging.basicConfig(level=level, format=line_format, handlers=[handler])
    logging.getLogger("taskiq").setLevel(level)


class _ProcessName(logging.Filter):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def filter(self, record: logging.LogRecord) -> bool:
        # Python's own name, without importing multiprocessing for it.
        if record.processName == "MainProcess":
            record.processName = self._name
        return True

"""Results as files."""

from pathlib import Path
from typing import Any

from taskiq_core import AsyncResultBackend, TaskiqResult
from taskiq_core.exceptions import ResultGetError


class SpoolResultBackend(AsyncResultBackend[Any]):
    """One JSON file a result."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Write the file, and give it its name when it is whole."""
        unfinished = self.folder / f"{task_id}.tmp"
        unfinished.write_text(result.model_dump_json())
        unfinished.rename(self.folder / task_id)

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether the file is there."""
        return (self.folder / task_id).exists()

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        """Read the file."""
        try:
            text = (self.folder / task_id).read_text()
        except FileNotFoundError as error:
            raise ResultGetError from error
        return TaskiqResult[Any].model_validate_json(text)

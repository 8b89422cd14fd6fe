"""Results as files."""

from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from taskiq_core import AsyncResultBackend, TaskiqResult
from taskiq_core.exceptions import ResultGetError


class SpoolResultBackend(AsyncResultBackend[Any]):
    """One JSON file a result; that of a later delivery takes its place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def set_result(self, task_id: str, result: TaskiqResult[Any]) -> None:
        """Write the file, and give it its name when it is whole."""
        unfinished = self.folder / f"{uuid4().hex}.tmp"
        unfinished.write_text(result.model_dump_json())
        unfinished.rename(self._file(task_id))

    async def is_result_ready(self, task_id: str) -> bool:
        """Whether the file is there."""
        return self._file(task_id).exists()

    async def get_result(self, task_id: str, with_logs: bool = False) -> TaskiqResult[Any]:
        """Read the file."""
        try:
            text = self._file(task_id).read_text()
        except FileNotFoundError as error:
            raise ResultGetError from error
        result = TaskiqResult[Any].model_validate_json(text)
        if not with_logs:
            result.log = None
        return result

    def _file(self, task_id: str) -> Path:
        return self.folder / quote(task_id, safe="")

"""Finding objects and tasks, as the `taskiq` command does."""

from taskiq_core.loading.objects import add_cwd_in_path, import_object
from taskiq_core.loading.task_modules import import_from_modules, import_tasks

__all__ = ["add_cwd_in_path", "import_from_modules", "import_object", "import_tasks"]

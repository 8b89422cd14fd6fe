"""How schedules of several sources are put together."""

from taskiq_scheduler.compat.merge_functions import only_new, only_unique, preserve_all

__all__ = ["only_new", "only_unique", "preserve_all"]

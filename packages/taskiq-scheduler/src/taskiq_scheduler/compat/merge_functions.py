"""How taskiq 0.13 put schedules of several sources together; for code that calls it."""

from taskiq_core.messages.scheduled_task import ScheduledTask


def preserve_all(
    old_tasks: list[ScheduledTask], new_tasks: list[ScheduledTask]
) -> list[ScheduledTask]:
    """Return the tasks of both lists."""
    return old_tasks + new_tasks


def only_unique(
    old_tasks: list[ScheduledTask], new_tasks: list[ScheduledTask]
) -> list[ScheduledTask]:
    """Return the tasks of both lists, equal ones once."""
    merged = [*old_tasks]
    merged.extend(task for task in new_tasks if task not in merged)
    return merged


def only_new(
    _old_tasks: list[ScheduledTask], new_tasks: list[ScheduledTask]
) -> list[ScheduledTask]:
    """Return the tasks of the second list."""
    return new_tasks

"""What taskiq-scheduler adds to taskiq."""

from taskiq_core.plugins import CommandSpec, ScheduleSourceSpec, WorkerServiceSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 1)


@hookimpl
def taskiq_register_schedule_sources() -> list[ScheduleSourceSpec]:
    """Schedules on the tasks themselves, and schedules in this process."""
    return [
        ScheduleSourceSpec(name="label", factory="taskiq_scheduler:LabelScheduleSource"),
        ScheduleSourceSpec(name="memory", factory="taskiq_scheduler:InMemoryScheduleSource"),
    ]


@hookimpl
def taskiq_register_commands() -> list[CommandSpec]:
    """Running a scheduler, and looking at schedules."""
    return [
        CommandSpec(
            "scheduler",
            target="taskiq_scheduler.commands.scheduler:scheduler",
            help="Send tasks when their schedules say.",
        ),
        CommandSpec(
            "schedules",
            target="taskiq_scheduler.commands.schedules:schedules",
            help="List schedules, and when they fire next.",
        ),
    ]


@hookimpl
def taskiq_register_worker_services() -> list[WorkerServiceSpec]:
    """A scheduler beside the tasks: `taskiq worker --with-scheduler`."""
    return [
        WorkerServiceSpec(
            "scheduler",
            target="taskiq_scheduler.embedded_scheduler:EmbeddedScheduler",
            description="Sends tasks when their schedules say, in every worker process.",
        ),
    ]

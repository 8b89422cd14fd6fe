from datetime import UTC, datetime, timedelta

from taskiq import ScheduleSource, TaskiqScheduler, broker_from_url
from taskiq.schedule_sources import LabelScheduleSource

broker = broker_from_url()
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])


@broker.task(schedule=[{"cron": "0 3 * * *", "cron_offset": "Europe/Berlin"}])
async def clean_up() -> None: ...


@broker.task(schedule=[{"interval": 600, "args": ["every ten minutes"]}])
async def look(why: str) -> None: ...


async def remind_tomorrow(source: ScheduleSource) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    schedule = await look.schedule_by_time(source, tomorrow, "you asked for it")
    print(schedule.schedule_id)  # await schedule.unschedule() removes it

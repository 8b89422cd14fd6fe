"""A task that is to be sent later, or again and again."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, Field


class ScheduledTask(BaseModel):
    """What a schedule source holds: a call, and when to make it.

    Attributes:
        cron: five fields in the syntax of cron.
        cron_offset: the time zone of `cron` by its name, or its distance from UTC.
        time: the one moment to fire at.
        interval: seconds, or a timedelta, between two firings.
    """

    task_name: str
    labels: dict[str, Any]
    args: list[Any]
    kwargs: dict[str, Any]
    task_id: str | None = None
    schedule_id: str = Field(default_factory=lambda: uuid4().hex)
    cron: str | None = None
    cron_offset: str | timedelta | None = None
    time: datetime | None = None
    interval: int | timedelta | None = None

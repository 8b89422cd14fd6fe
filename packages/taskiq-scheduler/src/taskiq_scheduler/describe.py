"""Describes in English when a schedule is due."""

from datetime import timedelta
from textwrap import shorten
from typing import Final

from taskiq_core.messages.cron_spec import canonical_cron
from taskiq_core.messages.scheduled_task import ScheduledTask

_LINES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
LONGEST_LINE: Final = 200
"""Characters of a cron line that are shown."""
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_WEEKDAYS: Final = "Sun Mon Tue Wed Thu Fri Sat Sun"


def timing_text(schedule: ScheduledTask) -> str:
    """Say when a schedule is due; a cron line with its time zone, and as it was written."""
    parts: list[str] = []
    if schedule.cron is not None:
        zone = schedule.cron_offset or "UTC"
        zone = f"UTC{_signed(zone)}" if isinstance(zone, timedelta) else zone
        cron = shorten(schedule.cron, LONGEST_LINE)
        parts.append(f"{cron_text(cron)}, {zone} ({cron})")
    if schedule.interval is not None:
        parts.append(f"every {_length(schedule.interval)}")
    if schedule.time is not None:
        parts.append(f"once, at {schedule.time.isoformat(sep=' ', timespec='seconds')}")
    return "; ".join(parts) or "never"


def cron_text(cron: str) -> str:
    """Say what a cron line means; the line itself where it does not have five fields."""
    fields = canonical_cron(_LINES.get(cron.lower(), cron)).split()
    if len(fields) not in {5, 6}:
        return cron
    minute, hour, day, month, weekday, second = [*fields, "0"][:6]
    words = [_time_of_day(minute, hour), _days(day, weekday)]
    if second != "0":
        words.insert(0, _second(second))
    if month != "*":
        words.append(f"in {_named(month, _MONTHS, first=1)}")
    return " ".join(filter(None, words))


def _time_of_day(minute: str, hour: str) -> str:
    if minute.isdigit() and all(each.isdigit() for each in hour.split(",")):
        return "at " + ", ".join(f"{int(each):02}:{int(minute):02}" for each in hour.split(","))
    if minute == "*":
        words = "every minute"
    elif minute.startswith("*/"):
        words = f"every {minute[2:]} minutes"
    else:
        words = f"at minute {minute}"
    if hour == "*":
        return words if minute.startswith("*") else f"{words} of every hour"
    if hour.startswith("*/"):
        return f"{words} of every {hour[2:]} hours"
    return f"{words} of hour {hour}"


def _second(second: str) -> str:
    if second == "*":
        return "every second,"
    return f"every {second[2:]} seconds," if second.startswith("*/") else f"at second {second},"


def _days(day: str, weekday: str) -> str:
    parts: list[str] = []
    if day not in {"*", "?"}:
        parts.append("on the last day of the month" if day == "l" else f"on day {day} of the month")
    if weekday not in {"*", "?"}:
        parts.append(f"on {_named(weekday, _WEEKDAYS, first=0)}")
    return " or ".join(parts) or "every day"


def _named(field: str, names: str, *, first: int) -> str:
    """Replace numbers of months or days by names; a field with more than ranges stays."""
    by_number = {str(number): name for number, name in enumerate(names.split(), start=first)}
    items = [each.split("-") for each in field.split(",")]
    named = [[by_number.get(end, end.capitalize()) for end in ends] for ends in items]
    return ", ".join(" to ".join(ends) for ends in named)


def _length(interval: int | timedelta) -> str:
    seconds = interval.total_seconds() if isinstance(interval, timedelta) else interval
    for unit, length in _UNITS:
        if seconds >= length and seconds % length == 0:
            number = int(seconds // length)
            return unit if number == 1 else f"{number:,} {unit}s"
    return f"{seconds:g} seconds"


def _signed(distance: timedelta) -> str:
    minutes = int(distance.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"

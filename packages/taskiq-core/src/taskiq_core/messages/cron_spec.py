"""CronSpec: the fields of a cron line, by their names."""

from datetime import timedelta

from pydantic import BaseModel


class CronSpec(BaseModel):
    """When to fire, in the syntax of cron; None is the same as "*".

    Attributes:
        offset: the time zone by its name, or its distance from UTC; UTC if it is None.
    """

    minutes: str | int | None = "*"
    hours: str | int | None = "*"
    days: str | int | None = "*"
    months: str | int | None = "*"
    weekdays: str | int | None = "*"
    offset: str | timedelta | None = None

    def to_cron(self) -> str:
        """The five fields as one line."""
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join("*" if field is None else str(field) for field in fields)

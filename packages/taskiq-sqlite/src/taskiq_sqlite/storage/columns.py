"""Columns as values; SQLite keeps any value in any column, and texts that are not UTF-8."""

from datetime import UTC, datetime


def shown(found: bytes | None) -> str:
    """Return the bytes of a column as text; bytes that are not UTF-8 are escaped."""
    return (found or b"").decode(errors="backslashreplace")


def text_of(found: bytes | None, type_name: str) -> str | None:
    """Return a column as text; None if it is not text in UTF-8.

    Args:
        found: the column, cast to BLOB.
        type_name: what `typeof` says of the column.
    """
    if found is None or type_name != "text":
        return None
    try:
        return found.decode()
    except UnicodeDecodeError:
        return None


def moment(seconds: float | None) -> datetime:
    """Return a point in time; the last one for a number that is out of range."""
    try:
        return datetime.fromtimestamp(seconds or 0.0, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)

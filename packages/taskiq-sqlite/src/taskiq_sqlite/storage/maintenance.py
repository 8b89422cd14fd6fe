"""The maintenance of a file: expired results are deleted, and free pages returned to the disk."""

from typing import Final

from taskiq_sqlite.storage.database import Database
from taskiq_sqlite.storage.transaction import Transaction, each

CLEANED: Final = 500
"""Expired rows of each table that one transaction deletes."""
VACUUMED: Final = 500
"""Pages that one transaction returns to the file system."""
_MUCH_FREE: Final = 1_000
"""Free pages below which no page is returned: a busy queue needs them again at once."""

CLEAN_RESULTS: Final = """
DELETE FROM results WHERE seq IN (SELECT seq FROM results WHERE expires <= ? LIMIT ?)
"""
CLEAN_PROGRESS: Final = """
DELETE FROM progress WHERE task_id IN (SELECT task_id FROM progress WHERE expires <= ? LIMIT ?)
"""


async def maintain(database: Database) -> None:
    """Delete all expired results, and return some free pages to the file system.

    Raises:
        DatabaseError: the file can't be used.
    """
    while await database.write(delete_expired, CLEANED) >= CLEANED:
        pass  # some hundred each time, so that other callers get their turn
    await database.write(vacuum, VACUUMED)


@each
def delete_expired(transaction: Transaction, limit: int) -> int:
    """Delete some results and progress that have expired.

    Returns:
        The number of rows deleted.
    """
    values = (transaction.now, limit)
    return transaction.execute(CLEAN_RESULTS, values) + transaction.execute(CLEAN_PROGRESS, values)


@each
def vacuum(transaction: Transaction, pages: int) -> bool:
    """Return some pages to the file system if a quarter of the file is free.

    Returns:
        Whether pages were returned.
    """
    free = transaction.value("PRAGMA freelist_count")
    if free < _MUCH_FREE or 4 * free < transaction.value("PRAGMA page_count"):
        return False
    transaction.rows(f"PRAGMA incremental_vacuum({pages})")
    return True

"""The writer: the one thread that uses a database; calls that wait share a transaction."""

import asyncio
import contextlib
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.exceptions import TaskiqError, reason_of
from taskiq_core.loggers import get_logger
from taskiq_sqlite.errors import DatabaseBusyError, DatabaseGoneError
from taskiq_sqlite.storage.connection import DatabaseOptions, identity_of, open_connection
from taskiq_sqlite.storage.error_codes import database_error, is_busy, is_disk_failure
from taskiq_sqlite.storage.notify import Notifier
from taskiq_sqlite.storage.tally import Tally
from taskiq_sqlite.storage.transaction import Operation, Topic, Transaction

logger = get_logger(__name__)

MAX_BATCH: Final = 1_000
"""Jobs in one transaction, so that they don't wait too long for each other."""
BUSY_STEPS: Final = (0.0005, 0.010)
"""First and longest wait for a lock, in seconds."""


@dataclass(slots=True, eq=False)
class Job:
    """One call of an operation.

    Attributes:
        operation: what to do.
        item: the argument of the operation.
        is_write: whether the operation changes the database.
        future: of the caller; None where no caller waits.
        undo: done with the result if the caller was cancelled before it came.
        is_kept: whether the job is done although its caller was cancelled before its turn.
        outcome: the result, or the error.
    """

    operation: Operation[Any, Any]
    item: Any
    is_write: bool
    future: asyncio.Future[Any] | None = None
    undo: Operation[Any, Any] | None = None
    is_kept: bool = False
    outcome: Any = None

    @property
    def is_dropped(self) -> bool:
        """Whether the job need not be done, as its caller was cancelled."""
        return self.future is not None and self.future.cancelled() and not self.is_kept


class Writer:
    """A thread with its own connection.

    Args:
        options: what to open.
        notifier: wakes the waiters of a change; used by this thread only.
    """

    def __init__(self, options: DatabaseOptions, notifier: Notifier) -> None:
        self.pid = os.getpid()
        self._options = options
        self._path = str(options.path)
        self._notifier = notifier
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._unwritten = Tally()
        # A daemon: a program that never calls shutdown must be able to end.
        self._thread = threading.Thread(target=self._run, name="taskiq-sqlite", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Have a job done."""
        self._jobs.put(job)

    def stop(self) -> None:
        """End the thread when it has done what was put before; does not wait for it."""
        self._jobs.put(None)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    # -- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        goes_on = True
        try:
            while goes_on:
                jobs, goes_on = self._next_batch()
                self._perform(jobs)
        finally:
            self._write_counts()
            self._disconnect()
            self._notifier.close()

    def _write_counts(self) -> None:
        """Write the counts that no transaction has written; at the end, if the file is free."""
        if self._connection is None or not [*self._unwritten]:
            return
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("BEGIN IMMEDIATE")
            Transaction(self._connection, time.time(), self._unwritten).write_counts()
            self._connection.execute("COMMIT")

    def _next_batch(self) -> tuple[list[Job], bool]:
        jobs: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            if not job.is_dropped:
                jobs.append(job)
            if len(jobs) >= MAX_BATCH:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _perform(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            topics = self._commit(jobs)
        except Exception as error:  # noqa: BLE001  # any failure goes to the callers
            if len(jobs) > 1 and not isinstance(error, TaskiqError):
                # One of the jobs fails them all: done apart, only that one fails.
                for job in jobs:
                    self._perform([job])
                return
            self._fail(jobs, error)
            topics = set()
        self._hand_back(jobs)
        if topics:
            self._notify(topics)

    def _notify(self, topics: set[Topic]) -> None:
        try:
            self._notifier.notify(topics)
        except OSError as error:
            # The change is committed: waiters see it at their next poll.
            logger.warning(
                "The waiters for %s can't be notified: %s", ", ".join(topics), reason_of(error)
            )

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        if isinstance(error, sqlite3.Error):
            # A new connection is not affected by what went wrong with this one.
            self._disconnect()
            cause, error = error, database_error(error, self._options.path)
            error.__cause__ = cause
        for job in jobs:
            if job.future is None:
                logger.warning("An operation that no caller waits for failed: %s", error)
            job.outcome = error

    def _commit(self, jobs: Sequence[Job]) -> set[Topic]:
        """Do the jobs in one transaction, tried again until the lock is had."""
        deadline = time.monotonic() + self._options.busy_timeout
        delay, longest = BUSY_STEPS
        has_emptied_log = False
        while True:
            try:
                topics = _transact(self._connect(), jobs, self._unwritten)
                self._check_is_there()
                return topics  # noqa: TRY300  # with the rest of what may fail
            except sqlite3.Error as error:
                if is_disk_failure(error) and not has_emptied_log:
                    has_emptied_log = True
                    self._empty_log()
                    continue
                if not is_busy(error):
                    raise
                if time.monotonic() >= deadline:
                    raise DatabaseBusyError(
                        address=str(self._options.path), busy_timeout=self._options.busy_timeout
                    ) from error
            time.sleep(random.uniform(delay / 2, delay))
            delay = min(2 * delay, longest)

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_connection(self._options)
            self._identity = identity_of(self._path)
        return self._connection

    def _check_is_there(self) -> None:
        """Notice that the file was moved: what was committed to it is not seen by other processes.

        After each transaction, for a `stat` costs a hundredth of one.

        Raises:
            DatabaseGoneError: another file is there, or no file.
        """
        if identity_of(self._path) != self._identity:
            self._disconnect()
            self._unwritten.clear(0.0)
            raise DatabaseGoneError(address=str(self._options.path))

    def _empty_log(self) -> None:
        """Empty the write-ahead log, if no reader needs it any more.

        SQLite empties it only after a commit: a log that has filled the disk would stay for ever.
        """
        self._disconnect()
        with contextlib.suppress(sqlite3.Error):  # the transaction is tried again, and says why not
            self._connect().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _hand_back(self, jobs: Sequence[Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        for job in jobs:
            if job.future is not None:
                by_loop.setdefault(job.future.get_loop(), []).append(job)
        for loop, theirs in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._resolve, theirs)
            except RuntimeError:  # the loop is closed, the callers are gone
                self._undo(theirs)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # -- in the event loop --------------------------------------------------------------------

    def _resolve(self, jobs: Sequence[Job]) -> None:
        late: list[Job] = []
        for job in jobs:
            if job.future is None or job.future.done():
                late.append(job)
            elif isinstance(job.outcome, Exception):
                job.future.set_exception(job.outcome)
            else:
                job.future.set_result(job.outcome)
        self._undo(late)

    def _undo(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.undo is not None and not isinstance(job.outcome, Exception):
                self.put(Job(job.undo, job.outcome, is_write=True))


def _transact(connection: sqlite3.Connection, jobs: Sequence[Job], unwritten: Tally) -> set[Topic]:
    """Do jobs in one transaction, the items of one operation in one call."""
    by_operation: dict[Operation[Any, Any], list[Job]] = {}
    for job in jobs:
        by_operation.setdefault(job.operation, []).append(job)
    is_write = any(job.is_write for job in jobs)
    connection.execute("BEGIN IMMEDIATE" if is_write else "BEGIN")
    try:
        transaction = Transaction(connection, time.time(), unwritten)
        for operation, theirs in by_operation.items():
            outcomes = operation(transaction, [job.item for job in theirs])
            for job, outcome in zip(theirs, outcomes, strict=True):
                job.outcome = outcome
        writes_counts = is_write and unwritten.is_due(transaction.now, transaction.tally)
        if writes_counts:
            transaction.write_counts()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if writes_counts:
        unwritten.clear(transaction.now)
    else:
        unwritten.merge(transaction.tally)
    return transaction.topics

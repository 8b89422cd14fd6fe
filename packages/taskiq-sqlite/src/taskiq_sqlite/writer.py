"""The one thread that uses the database: everything that waits goes into one transaction."""

import asyncio
import contextlib
import logging
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.exceptions import TaskiqError
from taskiq_sqlite.connection import (
    DatabaseOptions,
    explain,
    identity_of,
    is_busy,
    is_out_of_room,
    open_connection,
)
from taskiq_sqlite.errors import DatabaseBusyError, DatabaseGoneError
from taskiq_sqlite.ringing import Ringer
from taskiq_sqlite.transaction import Operation, Topic, Transaction

logger = logging.getLogger(__name__)

MAX_BATCH: Final = 1_000
"""Jobs in one transaction, so that none of them waits too long for the others."""
BUSY_STEPS: Final = (0.0005, 0.010)
"""First and longest wait for a lock, in seconds."""


@dataclass(slots=True, eq=False)
class Job:
    """One call of an operation.

    Attributes:
        future: of the caller; None if nobody waits.
        undo: posted with the result if the caller has gone before it came.
    """

    operation: Operation[Any, Any]
    item: Any
    is_write: bool
    future: asyncio.Future[Any] | None = None
    undo: Operation[Any, Any] | None = None
    outcome: Any = None

    @property
    def is_given_up(self) -> bool:
        """Whether the caller was cancelled."""
        return self.future is not None and self.future.cancelled()


class Writer:
    """A thread with a connection of its own.

    Args:
        options: what to open.
        ringer: wakes those who wait for what was changed; used by this thread only.
    """

    def __init__(self, options: DatabaseOptions, ringer: Ringer) -> None:
        self.pid = os.getpid()
        self._options = options
        self._ringer = ringer
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
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
            self._disconnect()
            self._ringer.hang_up()

    def _next_batch(self) -> tuple[list[Job], bool]:
        jobs: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            if not job.is_given_up:
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
        except Exception as error:  # noqa: BLE001  # any failure is its callers'
            if len(jobs) > 1 and not isinstance(error, TaskiqError):
                # One of them spoils it for the others: apart, only that one fails.
                for job in jobs:
                    self._perform([job])
                return
            self._fail(jobs, error)
            topics = set()
        self._hand_back(jobs)
        if topics:
            self._wake(topics)

    def _wake(self, topics: set[Topic]) -> None:
        try:
            self._ringer.ring(topics)
        except OSError as error:
            # What was done is done: others see it when they look by themselves.
            logger.warning("Who waits for %s can't be woken: %s", ", ".join(topics), error)

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        if isinstance(error, sqlite3.Error):
            # Whatever it was, a new connection has no part in it.
            self._disconnect()
            cause, error = error, explain(error, self._options.path)
            error.__cause__ = cause
        for job in jobs:
            if job.future is None:
                logger.warning("Nobody waits for what failed: %s", error)
            job.outcome = error

    def _commit(self, jobs: Sequence[Job]) -> set[Topic]:
        """Do the jobs in one transaction, as often as it takes to get the lock."""
        deadline = time.monotonic() + self._options.busy_timeout
        delay, longest = BUSY_STEPS
        has_made_room = False
        while True:
            try:
                topics = _transact(self._connect(), jobs)
                self._check_is_there()
                return topics  # noqa: TRY300  # with the rest of what may fail
            except sqlite3.Error as error:
                if is_out_of_room(error) and not has_made_room:
                    has_made_room = True
                    self._make_room()
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
            self._identity = identity_of(self._options.path)
        return self._connection

    def _check_is_there(self) -> None:
        """Notice that the file is not where it was: what was committed, nobody will see.

        After each transaction, for a `stat` costs a hundredth of one.

        Raises:
            DatabaseGoneError: another file is there, or none.
        """
        if identity_of(self._options.path) != self._identity:
            self._disconnect()
            raise DatabaseGoneError(address=str(self._options.path))

    def _make_room(self) -> None:
        """Empty the write-ahead log, if no reader needs it any more.

        SQLite does so after a commit only: a log that has filled the disk would stay for ever.
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
            except RuntimeError:  # the loop is closed: nobody will ever take them
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


def _transact(connection: sqlite3.Connection, jobs: Sequence[Job]) -> set[Topic]:
    """Do jobs in one transaction, those of one operation together."""
    by_operation: dict[Operation[Any, Any], list[Job]] = {}
    for job in jobs:
        by_operation.setdefault(job.operation, []).append(job)
    is_write = any(job.is_write for job in jobs)
    connection.execute("BEGIN IMMEDIATE" if is_write else "BEGIN")
    try:
        transaction = Transaction(connection, time.time())
        for operation, theirs in by_operation.items():
            outcomes = operation(transaction, [job.item for job in theirs])
            for job, outcome in zip(theirs, outcomes, strict=True):
                job.outcome = outcome
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return transaction.topics

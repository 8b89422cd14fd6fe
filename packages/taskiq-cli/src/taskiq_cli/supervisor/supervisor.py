"""Keeps the worker processes running, and stops them."""

from __future__ import annotations

import os
import signal
import time

from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.health.server_process import HealthServerSlot
from taskiq_cli.processes.exit_status import describe_exit
from taskiq_cli.supervisor.dead_workers import DeadWorkers
from taskiq_cli.supervisor.file_watch_process import FileWatchProcess
from taskiq_cli.supervisor.fork_server_slot import ForkServerLostError, ForkServerSlot
from taskiq_cli.supervisor.shutdown_stages import ShutdownStages, StageDeadlines
from taskiq_cli.supervisor.worker_ids import WorkerIds
from taskiq_cli.supervisor.worker_slot import (
    FINISHING,
    KILLED,
    RUNNING,
    WorkerProcess,
    WorkerSlot,
)

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from taskiq_cli.processes.child import Child
    from taskiq_cli.processes.stderr_log import StderrLog
    from taskiq_cli.supervisor.settings import SupervisorSettings
    from taskiq_cli.supervisor.wakeups import Wakeups

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Supervisor:
    """Starts the workers, restarts the ones that end unexpectedly, and stops all of them.

    Args:
        settings: how many workers, and how they are treated.
        log: gets a line for every step.
        wakeups: wakes up for SIGCHLD, and for the signals that this class knows.
        reloads_on_hangup: whether SIGHUP restarts the workers; else it stops them.
    """

    def __init__(
        self,
        settings: SupervisorSettings,
        log: StderrLog,
        wakeups: Wakeups,
        *,
        reloads_on_hangup: bool = True,
    ) -> None:
        self._settings = settings
        self._log = log
        self._wakeups = wakeups
        self._reloads_on_hangup = reloads_on_hangup
        self._deadlines = StageDeadlines(settings.wait_tasks_timeout, settings.shutdown_timeout)
        self._stages = ShutdownStages(self._deadlines, log)
        self._ids = WorkerIds()
        self._dead = DeadWorkers()
        self._slots = [WorkerSlot(number) for number in range(settings.workers)]
        self._fork_server = ForkServerSlot(log, wakeups, is_wanted=settings.fork_server)
        self._watch: FileWatchProcess | None = None
        self._health = HealthServerSlot(settings.text, log, is_wanted=settings.health is not None)
        self._fails = 0
        self._logged_failures: set[str] = set()
        self._stage = RUNNING
        self._further_signals = 0
        self._exit_code = ExitCode.OK

    def run(self) -> ExitCode:
        """Run until the last worker has left, after a signal or a failure that ends everything."""
        self._log.info(
            "Supervisor %d starts %d worker(s) for %s",
            os.getpid(),
            self._settings.workers,
            self._settings.broker,
        )
        if self._settings.reload:
            self._watch = FileWatchProcess(self._settings.text)
            self._wakeups.watch(self._watch.status_fd)
        while self._stage == RUNNING or self._live():
            self._do_what_is_due(time.monotonic())
            signals, _pipes = self._wakeups.wait(self._seconds_to_next())
            self._read_statuses()
            for number in signals:
                self._on_signal(number)
            self._reap()
        self._stop_watching()
        self._health.stop()
        self._log.info("All workers have left, exit status %d", self._exit_code)
        return self._exit_code

    # -- time ---------------------------------------------------------------------------------

    def _seconds_to_next(self) -> float | None:
        now = time.monotonic()
        moments = [self._health.start_at, self._fork_server.next_time(now)]
        if not self._fork_server.is_starting(now):
            moments += [slot.start_at for slot in self._slots]
        times = [moment for moment in moments if moment is not None]
        times += [worker.deadline for worker in self._live() if worker.deadline is not None]
        return min(times) - now if times else None

    def _do_what_is_due(self, now: float) -> None:
        self._health.start_if_due(now)
        self._fork_server.start_if_due(now)
        if not self._fork_server.is_starting(now):
            self._start_due_workers(now)
        for worker in self._live():
            if worker.deadline is not None and worker.deadline <= now:
                self._stages.escalate(worker, now)

    def _start_due_workers(self, now: float) -> None:
        for slot in self._slots:
            if slot.start_at is not None and slot.start_at <= now:
                self._start(slot, now)

    def _start(self, slot: WorkerSlot, now: float) -> None:
        slot.start_at = None
        start = self._fork_server.start_worker
        try:
            slot.worker = WorkerProcess(slot.number, self._settings.text, now, self._ids, start)
        except ForkServerLostError:
            slot.start_at = now  # by the next one, or without
            return
        except OSError as error:
            slot.start_at = now + max(1.0, slot.backoff.delay(0))
            self._log.error("worker-%d can't be started: %s; trying again", slot.number, error)
            return
        self._wakeups.watch(slot.worker.status_fd)
        self._dead.send_all(slot.worker)
        self._log.info("%s is started", slot.worker)

    # -- what workers do ----------------------------------------------------------------------

    def _live(self) -> list[WorkerProcess]:
        return [slot.worker for slot in self._slots if slot.worker is not None]

    def _read_statuses(self) -> None:
        for worker in self._live():
            worker.read_statuses()
            self._dead.forget(worker.take_reclaimed())
            self._forget_if_ended(worker)
        self._fork_server.read_statuses()
        if self._watch is not None:
            changed = self._watch.changes()
            self._forget_if_ended(self._watch)
            if changed and self._stage == RUNNING:
                self._restart_all(f"{changed} changed")

    def _forget_if_ended(self, child: Child) -> None:
        if child.statuses_ended:  # a closed pipe would wake us up for ever
            self._wakeups.forget(child.status_fd)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._on_child_exit(pid, os.waitstatus_to_exitcode(status))

    def _on_child_exit(self, pid: int, code: int) -> None:
        if self._watch is not None and self._watch.pid == pid:
            self._on_watch_exit()
            return
        if self._health.has_ended(pid, code) or self._fork_server.has_ended(pid, code):
            return
        for slot in self._slots:
            worker = slot.worker
            if worker is not None and worker.pid == pid:
                worker.read_statuses()
                self._wakeups.forget(worker.status_fd)
                worker.kill_group()  # processes that its tasks or modules have started
                worker.close()
                slot.worker = None
                self._on_worker_exit(slot, worker, code)

    def _on_worker_exit(self, slot: WorkerSlot, worker: WorkerProcess, code: int) -> None:
        now = time.monotonic()
        if code != 0 and worker.is_started:
            # One that has ended by itself has given back what it held.
            self._dead.add(worker.worker_id, self._live())
        if self._stage != RUNNING:
            self._on_stopped(worker, code)
        elif slot.restarts_at_once:
            slot.restarts_at_once = False
            slot.start_at = now
        elif worker.is_recycled and code == 0:
            self._log.info("%s has run as many tasks as it may, another takes its place", worker)
            slot.start_at = now
        elif worker.load_failure is not None:
            self._log_failure(worker.load_failure)
            others_run = any(other.is_loaded for other in self._live())
            self._on_failure(slot, now, ExitCode.LOAD_FAILED, "loaded", others_run=others_run)
        elif worker.start_failure is not None:
            self._log_failure(worker.start_failure)
            others_run = any(other.is_started for other in self._live())
            self._on_failure(slot, now, ExitCode.START_FAILED, "started", others_run=others_run)
        else:
            self._on_unexpected_exit(slot, worker, code, now)

    def _on_stopped(self, worker: WorkerProcess, code: int) -> None:
        if worker.stage == KILLED:
            result = ExitCode.WORKERS_KILLED
        elif code in (0, *(-number for number in STOP_SIGNALS)):
            # A worker that has not got to its signal handlers yet dies of the signal.
            self._log.info("%s has left", worker)
            return
        else:
            self._log.error("%s was stopping, and %s", worker, describe_exit(code))
            result = ExitCode.FAILURE
        if self._exit_code == ExitCode.OK:
            self._exit_code = result

    def _log_failure(self, reason: str) -> None:
        if reason not in self._logged_failures:
            self._logged_failures.add(reason)
            self._log.error("%s", reason)

    def _on_failure(
        self, slot: WorkerSlot, now: float, code: ExitCode, action: str, *, others_run: bool
    ) -> None:
        """Something that would fail again if it were tried again at once."""
        if self._settings.reload:
            self._log.info("worker-%d waits for the next change", slot.number)
        elif others_run:
            # Code that is being replaced under running workers must not take those down.
            slot.start_at = now + slot.backoff.delay(0)
            self._count_fail()
        else:
            self._stop(code, f"the application can't be {action}")

    def _on_unexpected_exit(
        self, slot: WorkerSlot, worker: WorkerProcess, code: int, now: float
    ) -> None:
        delay = slot.backoff.delay(now - worker.started_at)
        slot.start_at = now + delay
        when = "at once" if delay == 0 else f"in {delay:.1f} s"
        self._log.warning("%s %s, it is started again %s", worker, describe_exit(code), when)
        if code != 0:
            self._count_fail()

    def _count_fail(self) -> None:
        self._fails += 1
        if 1 <= self._settings.max_fails <= self._fails:
            self._stop(ExitCode.MAX_FAILS, f"workers have failed {self._fails} times (--max-fails)")

    # -- reloading ----------------------------------------------------------------------------

    def _restart_all(self, why: str) -> None:
        self._log.info("%s: the workers are started again", why)
        self._logged_failures.clear()
        self._fork_server.restart()
        now = time.monotonic()
        for slot in self._slots:
            slot.backoff.reset()
            if slot.worker is None:
                slot.start_at = now
            elif not slot.restarts_at_once:
                slot.restarts_at_once = True
                self._stages.finish(slot.worker, self._deadlines.reload_deadline(now))

    def _on_watch_exit(self) -> None:
        if self._watch is not None:
            self._wakeups.forget(self._watch.status_fd)
            self._watch.close()
            self._watch = None
        if self._stage == RUNNING:
            self._log.error("The file watcher has ended: changes are not noticed until a restart")

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.kill_group()
            os.waitpid(self._watch.pid, 0)
            self._watch.close()

    # -- stopping -----------------------------------------------------------------------------

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        if number == getattr(signal, "SIGHUP", None) and self._reloads_on_hangup:
            if self._stage == RUNNING:
                self._restart_all(name)
        elif number == signal.SIGCHLD:
            pass  # every wake-up reaps
        elif self._stage == RUNNING:
            self._stop(ExitCode.OK, name)
        else:
            self._hurry(name)

    def _stop(self, code: ExitCode, why: str) -> None:
        if self._stage != RUNNING:
            return
        self._stage = FINISHING
        self._exit_code = code
        self._fork_server.stop()
        now = time.monotonic()
        for slot in self._slots:
            slot.start_at = None
        self._log.info(
            "Stopping, %s. No more tasks are taken, running ones may finish %s: %s",
            why,
            self._deadlines.describe_finish(),
            _names(self._live()) or "no worker is left",
        )
        for worker in self._live():
            self._stages.finish(worker, self._deadlines.finish_deadline(now))

    def _hurry(self, name: str) -> None:
        self._further_signals += 1
        for worker in self._live():
            if self._further_signals >= self._settings.hardkill_count:
                self._stages.kill(worker, f"{name}, signal {self._further_signals + 1}")
            else:
                self._stages.cancel(worker, time.monotonic(), name)


def _names(workers: list[WorkerProcess]) -> str:
    return ", ".join(str(worker) for worker in workers)

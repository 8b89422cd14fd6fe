"""The queues that are compared, each by its own command at the best settings of its docs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contender:
    """One queue.

    Attributes:
        name: of its environment; its module is `apps/NAME_app.py`.
        title: its line in the table.
        requirements: what pip installs.
        worker: its command, in the environment's `bin`; `{workers}` and `{concurrency}` are put in.
            One without `{workers}` is started as often as there are to be.
        tasks: for a drain of some seconds.
        napping: its command where it has a better one for tasks that wait.
        can_nap: whether it runs a thousand tasks at once.
        backlog: up to how many messages it is measured with.
        keeps_history: whether it can keep what has ended, at a cost that is measured.
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    worker: tuple[str, ...]
    tasks: int
    napping: tuple[str, ...] = ()
    can_nap: bool = True
    backlog: int = 0
    keeps_history: bool = False


_TASKIQ = ("--workers", "{workers}", "--max-async-tasks", "{concurrency}", "--log-level", "ERROR")
_DRAMATIQ = ("--processes", "{workers}", "--threads")
_CELERY = (
    *("celery", "--app", "celery_app", "worker", "--loglevel", "ERROR"),
    *("--without-gossip", "--without-mingle"),
)
_HUEY = ("huey_consumer", "huey_app.huey", "--quiet", "--no-periodic")

CONTENDERS = (
    Contender(
        name="ours",
        title="taskiq (this)",
        requirements=(),
        worker=("taskiq", "worker", "ours_app:broker", *_TASKIQ),
        tasks=40_000,
        backlog=500_000,
        keeps_history=True,
    ),
    Contender(
        name="taskiq",
        title="taskiq 0.13",
        requirements=("taskiq==0.13.0", "taskiq-redis==1.2.4", "hiredis==3.5.0", "uvloop==0.23.0"),
        worker=("taskiq", "worker", "taskiq_app:broker", *_TASKIQ),
        tasks=4_000,
        backlog=100_000,
    ),
    Contender(
        name="streaq",
        title="streaq 7.2",
        requirements=("streaq==7.2.0", "uvloop==0.23.0"),
        worker=("streaq", "run", "streaq_app:worker", "--workers", "{workers}"),
        tasks=10_000,
        backlog=100_000,
    ),
    Contender(
        name="saq",
        title="saq 0.26",
        requirements=("saq[hiredis]==0.26.4", "typing_extensions", "uvloop==0.23.0"),
        worker=("saq", "saq_app.settings", "--workers", "{workers}", "--quiet"),
        tasks=4_000,
    ),
    Contender(
        name="arq",
        title="arq 0.28",
        requirements=("arq==0.28.0", "hiredis==3.5.0", "uvloop==0.23.0"),
        worker=("arq", "arq_app.WorkerSettings"),
        tasks=2_000,
    ),
    Contender(
        name="dramatiq",
        title="dramatiq 2.2",
        requirements=("dramatiq[redis]==2.2.1", "hiredis==3.5.0", "gevent==26.9.0"),
        worker=("dramatiq-gevent", "dramatiq_app", *_DRAMATIQ, "100"),
        napping=("dramatiq-gevent", "dramatiq_app", *_DRAMATIQ, "1000"),
        tasks=8_000,
    ),
    Contender(
        name="celery",
        title="celery 5.7",
        requirements=("celery[redis]==5.7.0", "hiredis==3.5.0", "gevent==26.9.0"),
        worker=(*_CELERY, "--pool", "solo"),
        napping=(*_CELERY, "--pool", "gevent", "--concurrency", "1000"),
        tasks=4_000,
    ),
    Contender(
        name="huey",
        title="huey 3.5",
        requirements=("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0", "gevent==26.9.0"),
        worker=(*_HUEY, "--worker-type", "thread", "--workers", "2"),
        napping=(*_HUEY, "--worker-type", "greenlet", "--workers", "1000"),
        tasks=8_000,
    ),
    Contender(
        name="rq",
        title="rq 2.12",
        requirements=("rq==2.12.0", "hiredis==3.5.0"),
        worker=("rq", "worker", "--worker-class", "rq.worker.SimpleWorker", "--quiet"),
        can_nap=False,
        tasks=1_500,
    ),
)

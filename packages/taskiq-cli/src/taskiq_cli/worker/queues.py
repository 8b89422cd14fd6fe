"""The queues that a worker listens to."""

from taskiq_cli.errors import StartError
from taskiq_cli.options import WorkerOptions
from taskiq_core.broker import AsyncBroker
from taskiq_core.capabilities import Capability
from taskiq_core.messages.queue_selection import QueueSelection


def select_queues(broker: AsyncBroker, options: WorkerOptions) -> None:
    """Set the queues of `--queues` on a broker that is not started yet.

    Raises:
        StartError: the broker has one queue only.
    """
    if options.queues is not None:
        _refuse_without_queues(broker, options.queues)
        broker.queues = QueueSelection.parse(options.queues, is_strict=options.queues_strict)


def check_queues(broker: AsyncBroker) -> None:
    """See that a broker still has its queues when it is started: its server may not.

    Raises:
        StartError: the broker has one queue only.
    """
    if broker.queues is not None:
        _refuse_without_queues(broker, str(broker.queues))


def _refuse_without_queues(broker: AsyncBroker, queues: str) -> None:
    if Capability.QUEUES in (broker.capabilities or ()):
        return
    raise StartError(
        reason=f"{type(broker).__name__} has one queue, {broker.queue_name!r}, and can't listen to "
        f"{queues}. Leave --queues out, or use a broker with the capability 'queues'; "
        "`taskiq plugins --capabilities` lists them"
    )

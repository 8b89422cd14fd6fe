"""The contract of queues as operators see them: counts, pages, pauses, dead letters."""

from collections.abc import Collection, Sequence

from taskiq_core.capabilities import Capability
from taskiq_core.exceptions import CapabilityError
from taskiq_core.messages.message_info import (
    ALL_MESSAGES,
    MessageFilter,
    MessagePage,
    MessageState,
)
from taskiq_core.messages.queue_stats import DeadLetter, QueueStats


class QueueAdmin:
    """What a broker tells of its queues, and does to them at an operator's request.

    Brokers with the capability QUEUES accept the name of a queue in `queue`; None is the default
    queue. Core never passes a name to a broker without that capability. No method reads a
    whole queue to answer: each takes time that does not grow with the number of messages, but for
    methods that remove or move messages.
    """

    async def queue_names(self) -> Sequence[str]:
        """Return the queues that have held a message, the default queue first.

        The default queue is listed whether it has held one or not.

        Empty for brokers without the capability QUEUES.
        """
        return ()

    async def stats(self, *, queue: str | None = None) -> QueueStats:
        """Return the number of messages that wait, are delivered, delayed and dead."""
        raise self._lacks("count its messages", "stats")

    async def messages(
        self,
        state: MessageState,
        *,
        queue: str | None = None,
        where: MessageFilter = ALL_MESSAGES,
        after: str | None = None,
        limit: int = 100,
        with_body: bool = False,
    ) -> MessagePage:
        """Return a page of messages; capability INSPECT.

        Waiting messages come in the order in which they would be delivered, delayed ones by when
        they are due, delivered and dead ones oldest first. A page is found by key: messages that
        are queued or settled meanwhile shift nothing.

        Args:
            state: where the messages are.
            queue: whose messages.
            where: which of them.
            after: `MessagePage.after` of the page before; None for the first page.
            limit: messages of the page at most.
            with_body: whether the bytes of the messages are read, too.

        Raises:
            ValueError: `after` is not the key of a page.
        """
        raise self._lacks("list its messages", Capability.INSPECT)

    async def pause(self, *, queue: str | None = None) -> None:
        """Have the queue hand out nothing until `resume`; capability PAUSE.

        Kept in the store: all workers see it within a second, also after a restart. Running tasks
        go on, and messages are accepted. May be called twice.
        """
        raise self._lacks("pause a queue", Capability.PAUSE)

    async def resume(self, *, queue: str | None = None) -> None:
        """Have a paused queue hand out messages again; may be called twice."""
        raise self._lacks("resume a queue", Capability.PAUSE)

    async def is_paused(self, *, queue: str | None = None) -> bool:
        """Return whether the queue is paused."""
        raise self._lacks("pause a queue", Capability.PAUSE)

    async def move_to_now(self, task_id: str, *, queue: str | None = None) -> bool:
        """Have a delayed message delivered as soon as a worker is free; capability INSPECT.

        Returns:
            Whether a delayed message of that task was found.
        """
        raise self._lacks("move a delayed message", Capability.INSPECT)

    async def purge(self, *, queue: str | None = None) -> int:
        """Drop all messages that wait or are delayed.

        Returns:
            The number of messages dropped.
        """
        raise self._lacks("purge its queue", "purge")

    async def dead_letters(
        self, *, limit: int = 100, offset: int = 0, queue: str | None = None
    ) -> list[DeadLetter]:
        """Return buried messages, oldest first.

        Args:
            limit: how many at most.
            offset: how many to leave out at the beginning.
            queue: whose.
        """
        raise self._lacks("list dead letters", Capability.DEAD_LETTER)

    async def replay_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Queue dead letters again, as first attempts.

        Args:
            letter_ids: which; None for all.
            queue: whose.

        Returns:
            The number of messages queued.
        """
        raise self._lacks("replay dead letters", Capability.DEAD_LETTER)

    async def purge_dead_letters(
        self, letter_ids: Collection[str] | None = None, *, queue: str | None = None
    ) -> int:
        """Forget dead letters.

        Args:
            letter_ids: which; None for all.
            queue: whose.

        Returns:
            The number of letters removed.
        """
        raise self._lacks("purge dead letters", Capability.DEAD_LETTER)

    def _lacks(self, action: str, capability: str) -> CapabilityError:
        return CapabilityError(broker=type(self).__name__, action=action, capability=capability)

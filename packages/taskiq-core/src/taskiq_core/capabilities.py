"""The abilities a broker declares, in one enumeration."""

from enum import StrEnum


class Capability(StrEnum):
    """Something that a broker can do beyond `kick` and `listen`.

    `AsyncBroker.capabilities` holds what a broker really does. What a program asks for and its
    broker does not declare is emulated by core or refused with an error, never silently ignored.
    """

    ACK = "ack"
    """A delivery that is not acknowledged is delivered again."""
    RELEASE = "release"
    """A delivery can be given back at once: `Delivery.release()`."""
    LEASE = "lease"
    """The store takes a delivery back whose lease was not renewed."""
    DELAY = "delay"
    """Messages, and released deliveries, can wait a number of seconds before they are delivered."""
    DEAD_LETTER = "dead_letter"
    """Buried messages are kept with their reason and can be listed, replayed and purged."""
    ABORT_RUNNING = "abort_running"
    """Tasks that run can be aborted: `request_abort` reaches the worker that has the message."""
    ABORT_QUEUED = "abort_queued"
    """Tasks that wait can be aborted: they are not started, and their callers get their result."""
    PRIORITY = "priority"
    """Messages with a higher `priority` label are delivered first."""
    EXPIRY = "expiry"
    """Messages whose `expires` label has passed are not run; workers get them to refuse them."""
    UNIQUE = "unique"
    """At most one message with the same `unique_key` label is queued."""
    BATCH = "batch"
    """Many messages are sent in one operation: `kick_many`."""
    PUSH_RESULTS = "push_results"
    """Results are pushed to waiting callers, without polling."""
    BROADCAST = "broadcast"
    """Each message goes to every worker instead of exactly one."""
    QUEUES = "queues"
    """The label `queue_name` chooses a queue, and a worker listens to several."""
    INSPECT = "inspect"
    """Messages can be listed page by page: `messages`."""
    PRESENCE = "presence"
    """Workers of all machines are known, and what a dead one held is given back at once."""
    PAUSE = "pause"
    """A queue hands out nothing until it is resumed."""
    HISTORY = "history"
    """The last deliveries with their ends are kept on request, and counters by minute."""
    CLAIMS = "claims"
    """Schedulers claim ticks in the broker's store, so that each is sent once: `tick_claims`."""
    TRANSACTION = "transaction"
    """Tasks can be sent inside a database transaction of the program: `in_transaction`."""

"""LeaseToken: which delivery of which message a worker holds."""

from typing import Generic, NamedTuple, TypeVar

MessageId = TypeVar("MessageId")


class LeaseToken(NamedTuple, Generic[MessageId]):
    """One delivery of one message: what a worker shows the store when it settles or renews.

    A named tuple, because a busy worker makes one for each message.

    Attributes:
        message_id: the store's id of the message.
        fence: the number of this delivery. The store gives a later delivery of the message a higher
            one, so that a worker whose lease ran out can't settle the delivery of another.
    """

    message_id: MessageId
    fence: int

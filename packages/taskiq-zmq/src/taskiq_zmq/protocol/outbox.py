"""Outbox: the records to send to one peer, packed into as few batches as possible."""

from collections import deque
from typing import Final

from taskiq_zmq.protocol.frames import MAX_RECORDS, encode_batch, encode_parts
from taskiq_zmq.protocol.records import Acks, Record

BATCH_BYTES: Final = 1 << 20
"""A batch gets no more records once it has this size."""
RECORD_BYTES: Final = 150
"""What a waiting record costs beside its bytes."""


class Outbox:
    """Records for one peer, in order; acknowledgements follow all records of their turn.

    Records are joined to batches only when the socket can take one, so that the body of a message
    or result exists once, however many peers it waits for.

    Args:
        epoch: number of the connection that the records are for.

    Attributes:
        size: bytes that the waiting records cost, without their bodies, which the queue or the
            result store owns.
    """

    __slots__ = ("_acks", "_batch", "_epoch", "_records", "size")

    def __init__(self, epoch: int) -> None:
        self.size = 0
        self._epoch = epoch
        self._records: deque[tuple[bytes, bytes]] = deque()
        self._acks: list[int] = []
        self._batch: bytes | None = None

    def add(self, record: Record) -> None:
        """Send a record with the next batch."""
        parts = encode_parts(record)
        self._records.append(parts)
        self.size += len(parts[0]) + RECORD_BYTES

    def add_ack(self, tag: int) -> None:
        """Acknowledge a delivery with the next batch."""
        self._acks.append(tag)

    def peek(self) -> bytes | None:
        """Return the next batch to send; None if there is nothing to send."""
        if self._batch is None and (self._records or self._acks):
            self._batch = self._pack()
        return self._batch

    def drop_first(self) -> None:
        """Forget the batch that `peek` returned: it is sent."""
        self._batch = None

    def _pack(self) -> bytes:
        parts: list[bytes] = []
        count = size = 0
        while self._records and count < MAX_RECORDS - 1:
            head, body = self._records[0]
            size += len(head) + len(body)
            if size > BATCH_BYTES and parts:
                break
            self._records.popleft()
            self.size -= len(head) + RECORD_BYTES
            parts.append(head)
            parts.append(body)
            count += 1
        if self._acks and not self._records:
            parts += encode_parts(Acks(tuple(self._acks)))
            self._acks = []
        return encode_batch(self._epoch, parts)

"""What is to be sent to one peer, packed into as few batches as it fits in."""

from collections import deque
from typing import Final

from taskiq_zmq.frames import MAX_RECORDS, encode, encode_batch
from taskiq_zmq.records import Acks, Record

BATCH_BYTES: Final = 1 << 20
"""A batch that has reached this size gets no more records."""


class Outbox:
    """Records for one peer, in order; acknowledgements come behind all others of their batch.

    Args:
        epoch: of the connection they are for.
    """

    __slots__ = ("_acks", "_batches", "_epoch", "_records", "_size")

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._records: list[bytes] = []
        self._size = 0
        self._acks: list[int] = []
        self._batches: deque[bytes] = deque()

    def add(self, record: Record) -> None:
        """Send a record with the next batch."""
        self.add_encoded(encode(record))

    def add_encoded(self, encoded: bytes) -> None:
        """Send a record that is encoded already."""
        if self._size + len(encoded) > BATCH_BYTES or len(self._records) >= MAX_RECORDS - 1:
            self._pack()
        self._records.append(encoded)
        self._size += len(encoded)

    def add_ack(self, tag: int) -> None:
        """Acknowledge a delivery with the next batch."""
        self._acks.append(tag)

    def peek(self) -> bytes | None:
        """The next batch to send; None if there is none."""
        if not self._batches and (self._records or self._acks):
            self._pack()
        return self._batches[0] if self._batches else None

    def drop_first(self) -> None:
        """The batch that `peek` showed is sent."""
        self._batches.popleft()

    def _pack(self) -> None:
        if self._acks:
            self._records.append(encode(Acks(tuple(self._acks))))
            self._acks = []
        self._batches.append(encode_batch(self._epoch, self._records))
        self._records = []
        self._size = 0

"""Records leave in few batches, in order, and bodies are not copied while they wait."""

from taskiq_zmq.protocol import records
from taskiq_zmq.protocol.frames import MAX_RECORDS, decode_batch
from taskiq_zmq.protocol.outbox import BATCH_BYTES, Outbox


def drain(outbox: Outbox) -> list[list[records.Record]]:
    batches = []
    while (batch := outbox.peek()) is not None:
        batches.append(decode_batch(batch)[1])
        outbox.drop_first()
    return batches


class TestOutbox:
    def test_what_is_said_in_one_turn_is_one_batch_with_the_acks_behind(self) -> None:
        outbox = Outbox(3)
        outbox.add_ack(1)
        outbox.add(records.Result(1, "id", b"x"))
        outbox.add_ack(2)

        assert drain(outbox) == [[records.Result(1, "id", b"x"), records.Acks((1, 2))]]
        assert outbox.peek() is None

    def test_a_batch_that_was_not_taken_is_offered_again(self) -> None:
        outbox = Outbox(3)
        outbox.add(records.Want())

        assert outbox.peek() == outbox.peek()

    def test_large_records_make_several_batches(self) -> None:
        outbox = Outbox(0)
        for _ in range(3):
            outbox.add(records.Result(1, "id", bytes(BATCH_BYTES // 2 + 1)))

        assert [len(batch) for batch in drain(outbox)] == [1, 1, 1]

    def test_no_batch_has_more_records_than_may_be_read(self) -> None:
        outbox = Outbox(0)
        for _ in range(MAX_RECORDS * 2):
            outbox.add(records.Want())
        outbox.add_ack(1)

        assert sum(len(batch) for batch in drain(outbox)) == MAX_RECORDS * 2 + 1

    def test_bodies_do_not_count_as_its_own_memory(self) -> None:
        outbox = Outbox(0)
        body = bytes(BATCH_BYTES)
        for _ in range(100):
            outbox.add(records.Result(0, "id", body))

        assert outbox.size < BATCH_BYTES
        drain(outbox)
        assert outbox.size == 0

"""LeaseToken: a message id and the fence of one delivery."""

import pickle

from taskiq_core.brokers.lease_token import LeaseToken


def test_deliveries_of_one_message_differ_by_their_fence() -> None:
    first, second = LeaseToken("id", 1), LeaseToken("id", 2)

    assert first != second
    assert first == LeaseToken("id", 1)
    assert {first: "first", second: "second"}[LeaseToken("id", 2)] == "second"


def test_it_crosses_processes() -> None:
    token = LeaseToken(7, 3)

    copied = pickle.loads(pickle.dumps(token))

    assert (copied.message_id, copied.fence) == (7, 3)
    assert copied == token

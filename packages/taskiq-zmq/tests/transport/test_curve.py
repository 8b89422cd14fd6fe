"""Keys are checked early and are not shown."""

import pytest

from taskiq_zmq.transport.curve import CurveKeys


@pytest.mark.parametrize("key", [b"short", "x" * 40])
def test_keys_of_the_wrong_form_are_refused_by_name(key: bytes) -> None:
    with pytest.raises(ValueError, match="worker_secret must be bytes of 40 characters"):
        CurveKeys(worker_secret=key)


def test_secret_keys_are_not_shown() -> None:
    keys = CurveKeys.generate()

    assert str(keys.server_secret) not in repr(keys)
    assert str(keys.worker_secret) not in repr(keys)

"""What a serializer writes it can read, however deep it is nested."""

from typing import Any

import pytest

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_serializers import CBORSerializer, MSGPackSerializer, ORJSONSerializer


def depth_of(value: Any) -> int:
    """How deep it is nested; to compare such values recurses too deep itself."""
    depth = 0
    while not isinstance(value, int):
        value = value[0] if isinstance(value, list) else value["key"]
        depth += 1
    return depth


@pytest.mark.parametrize("kind", ["list", "dict"])
@pytest.mark.parametrize(
    "serializer",
    [CBORSerializer(), MSGPackSerializer(), ORJSONSerializer()],
    ids=lambda serializer: type(serializer).__name__,
)
def test_what_is_written_is_read(serializer: TaskiqSerializer, kind: str) -> None:
    refused = []
    for depth in (1, *range(240, 270), *range(380, 420), *range(500, 1100, 10)):
        value: Any = 1
        for _ in range(depth):
            value = [value] if kind == "list" else {"key": value}
        try:
            body = serializer.dumpb(value)
        except (ValueError, TypeError):
            refused.append(depth)
        else:
            assert depth_of(serializer.loadb(body)) == depth
    assert refused


def test_wide_cbor_is_written() -> None:
    value = [{"name": "ü" * 10, "tags": [1, [2]]} for _ in range(1000)]

    assert CBORSerializer().loadb(CBORSerializer().dumpb(value)) == value


def test_cbor_that_is_nested_too_deep_says_so() -> None:
    value: Any = []
    for _ in range(450):
        value = [value]

    with pytest.raises(ValueError, match="not be read again"):
        CBORSerializer().dumpb(value)

"""Acknowledging: when, how, and at most once."""

import asyncio
from typing import Any

import pytest

from taskiq_core import AckableMessage, AcknowledgeType
from taskiq_core.messages.acks import AckController, parse_acknowledge_type


@pytest.mark.parametrize("member", AcknowledgeType)
def test_type_is_named_by_its_member_value_and_text(member: AcknowledgeType) -> None:
    for name in (member, member.value, member.value.upper(), str(member), str(member).lower()):
        assert parse_acknowledge_type(name) is member


@pytest.mark.parametrize("wrong", ["sometimes", "", None, 3])
def test_unknown_type_is_refused_with_those_there_are(wrong: Any) -> None:
    with pytest.raises(ValueError, match="acknowledgement type") as caught:
        parse_acknowledge_type(wrong)

    assert str(caught.value) == (
        f"{wrong!r} is not an acknowledgement type; use one of "
        "when_received, when_executed, when_saved, manual"
    )


async def test_message_may_be_acknowledged_by_a_plain_function_or_a_coroutine_function() -> None:
    calls: list[str] = []

    async def later() -> None:
        await asyncio.sleep(0)
        calls.append("async")

    for ack in (lambda: calls.append("plain"), later):
        controller = AckController(AckableMessage(data=b"", ack=ack).ack)
        assert controller.is_ackable
        assert not controller.is_acked
        await controller.ack()
        assert controller.is_acked

    assert calls == ["plain", "async"]


def test_text_is_taken_as_utf_8() -> None:
    assert AckableMessage(data="ü", ack=print).data == "ü".encode()  # type: ignore[arg-type]


async def test_message_is_acknowledged_once_whoever_asks() -> None:
    calls: list[int] = []
    controller = AckController(lambda: calls.append(1))

    await controller.ack()
    await controller.ack()

    assert calls == [1]


async def test_failed_acknowledgement_can_be_tried_again() -> None:
    failures = [ConnectionError("gone")]

    def ack() -> None:
        if failures:
            raise failures.pop()

    controller = AckController(ack)

    with pytest.raises(ConnectionError, match="gone"):
        await controller.ack()
    assert not controller.is_acked
    await controller.ack()
    assert controller.is_acked


async def test_broker_without_acknowledgements_has_nothing_to_do() -> None:
    controller = AckController(None)

    await controller.ack()

    assert not controller.is_ackable
    assert not controller.is_acked

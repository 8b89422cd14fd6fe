"""Registering tasks: by name, in a dictionary, and the last one counts."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.registry import register


@dataclass
class Task:
    """As little of a task as a registry needs."""

    task_name: str
    original_func: Callable[..., Any]
    labels: dict[str, Any] = field(default_factory=dict)


def send_mail() -> None: ...


def send_fax() -> None: ...


@pytest.fixture
def registry() -> dict[str, Task]:
    return {}


def test_tasks_are_found_by_their_names(registry: dict[str, Task]) -> None:
    mail, fax = Task("mail", send_mail), Task("fax", send_fax)

    register(registry, mail)
    register(registry, fax)

    assert registry == {"mail": mail, "fax": fax}


def test_one_function_may_have_several_names(
    registry: dict[str, Task], caplog: pytest.LogCaptureFixture
) -> None:
    register(registry, Task("mail", send_mail))
    register(registry, Task("post", send_mail))

    assert registry.keys() == {"mail", "post"}
    assert caplog.records == []


def test_second_function_of_a_name_replaces_the_first_and_both_are_named(
    registry: dict[str, Task], caplog: pytest.LogCaptureFixture
) -> None:
    fax = Task("send", send_fax)
    register(registry, Task("send", send_mail))

    register(registry, fax)

    here = Path(__file__)
    lines = {
        name: number
        for number, text in enumerate(here.read_text().splitlines(), start=1)
        for name in ("send_mail", "send_fax")
        if text.startswith(f"def {name}(")
    }
    assert registry["send"] is fax
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("taskiq.registry", "WARNING")
    assert record.getMessage() == (
        f"Task name 'send' was that of {__name__}.send_mail ({here}:{lines['send_mail']}), and is "
        f"that of {__name__}.send_fax ({here}:{lines['send_fax']}) from now on: messages of both "
        "run the second. Give one of them a name of its own: @broker.task(task_name=...)."
    )


def test_function_that_is_declared_again_in_its_place_replaces_itself(
    registry: dict[str, Task], caplog: pytest.LogCaptureFixture
) -> None:
    def declare() -> Callable[[], None]:
        def job() -> None: ...

        return job

    first, second = Task("job", declare()), Task("job", declare())

    register(registry, first)
    register(registry, second)

    assert registry["job"] is second
    assert caplog.records == []


def test_wrapped_function_counts_as_the_one_inside(
    registry: dict[str, Task], caplog: pytest.LogCaptureFixture
) -> None:
    @functools.wraps(send_mail)
    def traced() -> None:
        send_mail()

    register(registry, Task("mail", send_mail))
    register(registry, Task("mail", traced))
    before = len(caplog.records)
    register(registry, Task("mail", send_fax))

    assert (before, len(caplog.records)) == (0, 1)


def test_callable_without_code_is_named_as_well_as_it_can_be(
    registry: dict[str, Task], caplog: pytest.LogCaptureFixture
) -> None:
    register(registry, Task("length", len))
    register(registry, Task("length", functools.partial(len, ())))

    assert "was that of builtins.len, and" in caplog.text

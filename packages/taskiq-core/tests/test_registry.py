"""The registry: one name, one function."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import DuplicateTaskError
from taskiq_core.registry import TaskRegistry


@dataclass
class Task:
    """As little of a task as a registry needs."""

    task_name: str
    original_func: Callable[..., Any]
    labels: dict[str, Any] = field(default_factory=dict)


def send_mail() -> None: ...


def send_fax() -> None: ...


def test_tasks_are_found_by_their_names() -> None:
    registry: TaskRegistry[Task] = TaskRegistry()
    mail, fax = Task("mail", send_mail), Task("fax", send_fax)

    registry.add(mail)
    registry.add(fax)

    assert registry == {"mail": mail, "fax": fax}
    assert registry.get("phone") is None


def test_one_function_may_have_several_names() -> None:
    registry: TaskRegistry[Task] = TaskRegistry()

    registry.add(Task("mail", send_mail))
    registry.add(Task("post", send_mail))

    assert registry.keys() == {"mail", "post"}


def test_same_function_replaces_itself() -> None:
    registry: TaskRegistry[Task] = TaskRegistry()
    registry.add(Task("mail", send_mail))
    again = Task("mail", send_mail)

    registry.add(again)

    assert registry["mail"] is again


def test_name_of_another_function_is_refused_with_both_places() -> None:
    registry: TaskRegistry[Task] = TaskRegistry()
    mail = Task("send", send_mail)
    registry.add(mail)

    with pytest.raises(DuplicateTaskError) as caught:
        registry.add(Task("send", send_fax))

    here = Path(__file__)
    error = caught.value
    lines = {
        name: number
        for number, text in enumerate(here.read_text().splitlines(), start=1)
        for name in ("send_mail", "send_fax")
        if text.startswith(f"def {name}(")
    }
    assert error.task_name == "send"
    assert error.existing == f"{__name__}.send_mail ({here}:{lines['send_mail']})"
    assert error.duplicate == f"{__name__}.send_fax ({here}:{lines['send_fax']})"
    assert str(error) == (
        f"Task name 'send' is taken by {error.existing} already, so {error.duplicate} can't have "
        "it. Give one of them a name of its own: @broker.task(task_name=...)."
    )
    assert registry["send"] is mail


def test_function_that_is_declared_again_in_its_place_replaces_itself() -> None:
    def declare() -> Callable[[], None]:
        def job() -> None: ...

        return job

    registry: TaskRegistry[Task] = TaskRegistry()
    first, second = Task("job", declare()), Task("job", declare())

    registry.add(first)
    registry.add(second)

    assert registry["job"] is second


def test_wrapped_function_counts_as_the_one_inside() -> None:
    @functools.wraps(send_mail)
    def traced() -> None:
        send_mail()

    registry: TaskRegistry[Task] = TaskRegistry()
    registry.add(Task("mail", send_mail))
    registry.add(Task("mail", traced))

    with pytest.raises(DuplicateTaskError, match="send_fax"):
        registry.add(Task("mail", send_fax))


def test_callable_without_code_is_named_as_well_as_it_can_be() -> None:
    registry: TaskRegistry[Task] = TaskRegistry()
    registry.add(Task("length", len))

    with pytest.raises(DuplicateTaskError, match=r"taken by builtins\.len already"):
        registry.add(Task("length", functools.partial(len, ())))

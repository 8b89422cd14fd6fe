"""Names that newcomers look for in the façade: the error says where they are."""

from importlib import import_module
from importlib.metadata import requires

import pytest

import taskiq
from taskiq._cure import package_of

SUFFIXES = ("Broker", "ResultBackend", "ScheduleSource")


@pytest.mark.parametrize("name", ["RedisBroker", "RedisStreamBroker", "RedisAsyncResultBackend"])
def test_name_of_a_package_says_where_it_is(name: str) -> None:
    with pytest.raises(ImportError) as caught:
        getattr(taskiq, name)

    assert str(caught.value) == f"{name} is in taskiq-redis: from taskiq_redis import {name}"


def test_import_of_such_a_name_shows_the_cure() -> None:
    with pytest.raises(ImportError, match="from taskiq_sqlite import SQLiteBroker"):
        from taskiq import SQLiteBroker  # type: ignore[attr-defined]  # noqa: F401


def test_name_of_a_package_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("taskiq._cure.find_spec", lambda _: None)

    with pytest.raises(ImportError) as caught:
        getattr(taskiq, "RedisBroker")  # noqa: B009  # it is not there for type checkers

    assert str(caught.value) == 'RedisBroker is in taskiq-redis: pip install "taskiq[redis]"'


def test_other_names_are_attribute_errors() -> None:
    for name in ("Redis", "RedisBrokr", "MyBroker"):
        assert not hasattr(taskiq, name)


@pytest.mark.parametrize("module", ["taskiq_redis", "taskiq_sqlite"])
def test_every_such_name_of_a_package_is_known(module: str) -> None:
    names = [name for name in import_module(module).__all__ if name.endswith(SUFFIXES)]

    assert names
    assert {package_of(name) for name in names} == {module.replace("_", "-")}


def test_packages_that_are_named_are_extras_or_come_along() -> None:
    required = " ".join(requires("taskiq") or ())

    assert "taskiq-redis" in required
    assert "taskiq-sqlite" in required

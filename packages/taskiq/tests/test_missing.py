"""A name whose package is not installed: an ImportError that says what to install."""

import sys

import pytest

import taskiq


@pytest.fixture
def _without_zmq(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if taskiq-zmq were not installed."""
    monkeypatch.delitem(sys.modules, "taskiq.brokers.zmq_broker", raising=False)
    for name in ("ZeroMQBroker", "__all__"):
        monkeypatch.delitem(vars(taskiq), name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Absent("taskiq_zmq"), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "taskiq_zmq"]:
        monkeypatch.delitem(sys.modules, name)


class _Absent:
    """A finder that finds nothing of one package, and lets nobody else look."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.usefixtures("_without_zmq")
def test_name_says_what_to_install() -> None:
    with pytest.raises(ImportError) as caught:
        from taskiq import ZeroMQBroker  # noqa: F401

    assert str(caught.value) == 'ZeroMQBroker is in taskiq-zmq: pip install "taskiq[zmq]"'


@pytest.mark.usefixtures("_without_zmq")
def test_module_says_what_to_install() -> None:
    with pytest.raises(ImportError) as caught:
        import taskiq.brokers.zmq_broker  # noqa: F401

    assert str(caught.value) == 'ZeroMQBroker is in taskiq-zmq: pip install "taskiq[zmq]"'


@pytest.mark.usefixtures("_without_zmq")
def test_star_import_brings_what_is_installed() -> None:
    names: dict[str, object] = {}

    exec("from taskiq import *", names)

    assert "AsyncBroker" in names
    assert "ZeroMQBroker" not in names


def test_failure_inside_an_installed_package_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broken pyzmq is not cured by installing taskiq-zmq."""
    from taskiq._cure import not_installed

    error = ModuleNotFoundError("No module named 'zmq'", name="zmq")

    assert not_installed("ZeroMQBroker", "taskiq-zmq", error) is error

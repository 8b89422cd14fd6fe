"""A URL becomes a broker or a result backend, and no error shows its password."""

import sys
import traceback
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.no_result_backend import DummyResultBackend
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.plugins import (
    BrokerSpec,
    BrokerUrlError,
    NotProvidedError,
    PluginInfo,
    PluginRegistry,
    PluginTargetError,
    Provides,
    ResultBackendSpec,
    broker_from_url,
    result_backend_from_url,
)
from taskiq_core.plugins.urls import EMBEDDED_URL, default_broker_url


class UrlBroker(AsyncBroker):
    def __init__(self, url: str = "", **options: Any) -> None:
        super().__init__()
        self.url, self.options = url, options

    async def kick(self, message: BrokerMessage) -> None: ...

    async def listen(self) -> AsyncGenerator[bytes, None]:
        yield b""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        return cls(url, made_by="from_url", **options)


class PickyBroker(UrlBroker):
    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        text: str = options["text"]
        raise ValueError(text.format(url=url)) from KeyError(url)


def function(url: str, **options: Any) -> UrlBroker:
    return UrlBroker(url, made_by="function", **options)


def no_broker(url: str) -> object:
    return [url]


class UrlResults(DummyResultBackend):
    url = ""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        made = cls()
        made.url = url
        return made


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], PluginRegistry]:
    """A registry of one plugin whose targets are in this module."""
    home = ModuleType("acme_home")
    vars(home).update(globals(), NOTHING=None)
    monkeypatch.setitem(sys.modules, "acme_home", home)

    def make(name: str) -> PluginRegistry:
        target = f"acme_home:{name}"
        broker = BrokerSpec("acme", schemes=("acme",), factory=target)
        results = ResultBackendSpec("acme", schemes=("acme",), factory=target)
        provides = Provides(brokers=(broker,), result_backends=(results,))
        return PluginRegistry((PluginInfo("acme", "acme-queue", "1", provides=provides),))

    return make


def test_class_with_from_url(plugins: Callable[[str], PluginRegistry]) -> None:
    broker = broker_from_url("acme://host/1", plugins=plugins("UrlBroker"), size=3)

    assert isinstance(broker, UrlBroker)
    assert broker.url == "acme://host/1"
    assert broker.options == {"made_by": "from_url", "size": 3}


def test_function_of_a_url(plugins: Callable[[str], PluginRegistry]) -> None:
    broker = broker_from_url("acme://host", plugins=plugins("function"), size=3)

    assert isinstance(broker, UrlBroker)
    assert broker.options == {"made_by": "function", "size": 3}


def test_result_backend(plugins: Callable[[str], PluginRegistry]) -> None:
    backend = result_backend_from_url("acme://host", plugins=plugins("UrlResults"))

    assert isinstance(backend, UrlResults)
    assert backend.url == "acme://host"


def test_url_of_the_environment(
    plugins: Callable[[str], PluginRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKIQ_BROKER_URL", "acme://broker")
    monkeypatch.setenv("TASKIQ_RESULT_BACKEND_URL", "acme://results")

    broker = broker_from_url(plugins=plugins("UrlBroker"))
    backend = result_backend_from_url(plugins=plugins("UrlResults"))

    assert isinstance(broker, UrlBroker)
    assert isinstance(backend, UrlResults)
    assert (broker.url, backend.url) == ("acme://broker", "acme://results")


def test_no_url_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is a file, by the plugin that comes with taskiq."""
    monkeypatch.delenv("TASKIQ_BROKER_URL", raising=False)
    monkeypatch.setenv("TASKIQ_RESULT_BACKEND_URL", " ")

    with pytest.raises(NotProvidedError, match="no broker for sqlite:// URLs"):
        broker_from_url(plugins=PluginRegistry())
    with pytest.raises(NotProvidedError, match="sqlite"):
        result_backend_from_url(plugins=PluginRegistry())


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_broker", "acme_home:no_broker made list, not an AsyncBroker"),
        ("UrlResults", "acme_home:UrlResults made UrlResults, not an AsyncBroker"),
        ("NOTHING", "acme_home:NOTHING is None, which can't be called"),
    ],
)
def test_factory_makes_something_else(
    plugins: Callable[[str], PluginRegistry], target: str, reason: str
) -> None:
    with pytest.raises(PluginTargetError) as caught:
        broker_from_url("acme://host", plugins=plugins(target))

    assert caught.value.reason == reason


def test_broker_is_no_result_backend(plugins: Callable[[str], PluginRegistry]) -> None:
    with pytest.raises(PluginTargetError, match="made UrlBroker, not an AsyncResultBackend"):
        result_backend_from_url("acme://host", plugins=plugins("UrlBroker"))


def test_error_of_the_factory_goes_on(plugins: Callable[[str], PluginRegistry]) -> None:
    with pytest.raises(ValueError, match="port of acme://host"):
        broker_from_url("acme://host", plugins=plugins("PickyBroker"), text="port of {url}")


@pytest.mark.parametrize("text", ["port of {url}", "only the cause tells"])
@pytest.mark.parametrize("password", ["geheim", "ge%21heim"])
def test_password_is_in_no_error(
    plugins: Callable[[str], PluginRegistry], text: str, password: str
) -> None:
    with pytest.raises(BrokerUrlError) as caught:
        broker_from_url(f"acme://user:{password}@host", plugins=plugins("PickyBroker"), text=text)

    shown = "".join(traceback.format_exception(caught.value))
    assert str(caught.value).startswith("The URL of the broker can't be used: ValueError: ")
    assert password not in shown
    assert "ge!heim" not in shown
    assert caught.value.__context__ is None


def test_installed_plugins_are_the_default(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    source = """
        from taskiq_core.plugins import BrokerSpec, hookimpl

        TASKIQ_PLUGIN_API = (1, 0)

        @hookimpl
        def taskiq_register_brokers():
            return [BrokerSpec("acme", schemes=("acme",), factory="acme_queue:AcmeBroker")]
    """
    broker = """
        from taskiq_core.broker import AsyncBroker

        class AcmeBroker(AsyncBroker):
            async def kick(self, message): ...

            async def listen(self):
                yield b""

            @classmethod
            def from_url(cls, url, **options):
                return cls()
    """
    install(
        "acme-queue",
        plugins={"acme": "acme_plugin"},
        modules={"acme_plugin.py": source, "acme_queue.py": broker},
    )

    assert type(broker_from_url("acme://host")).__name__ == "AcmeBroker"


def test_misspelt_variable_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a program would use a private file, and nothing would say so."""
    monkeypatch.delenv("TASKIQ_BROKER_URL", raising=False)
    monkeypatch.setenv("TASKIQ_RESULT_BACKEND_URL", "acme://results")
    assert default_broker_url() == EMBEDDED_URL
    assert caplog.records == []

    monkeypatch.setenv("TASKIQ_BROKER_ULR", "acme://broker")

    assert default_broker_url() == EMBEDDED_URL
    [record] = caplog.records
    assert "Is TASKIQ_BROKER_ULR misspelt?" in record.getMessage()

"""Asking for what is not there says why, and what to do."""

import sys
from dataclasses import replace
from types import ModuleType

import pytest

from taskiq_core.plugins import (
    BrokerSpec,
    BrokerUrlError,
    CommandSpec,
    InstallCure,
    MiddlewareSpec,
    NotProvidedError,
    PluginInfo,
    PluginRegistry,
    PluginStatus,
    PluginTargetError,
    PluginUnavailableError,
    Provides,
    ResultBackendSpec,
    ScheduleSourceSpec,
)

ZMQ = PluginInfo(
    "zmq",
    "taskiq-zmq",
    "1.2",
    provides=Provides(brokers=(BrokerSpec("zmq", schemes=("zmq+tcp",), factory="taskiq_zmq:B"),)),
)
ACME = PluginInfo(
    "acme",
    "acme-queue",
    "3",
    provides=Provides(
        brokers=(BrokerSpec("acme", schemes=("acme", "acmes"), factory="acme:Broker"),),
        result_backends=(ResultBackendSpec("acme", schemes=("acme",), factory="acme:Results"),),
        schedule_sources=(ScheduleSourceSpec("acme", schemes=("acme",), factory="acme:Source"),),
        middlewares=(MiddlewareSpec("acme", factory="acme:Parent.Middleware"),),
        commands=(CommandSpec("dash", target="acme:dash"),),
    ),
)

GUIDE = PluginInfo(
    "guide",
    "acme-guide",
    "1",
    install_cures=(
        InstallCure(
            "acme-rabbit",
            words=("rabbit", "rabbits", "rabbit+tls"),
            command="pip install acme-rabbit",
        ),
    ),
)


def absent(name: str, distribution: str, status: PluginStatus) -> PluginInfo:
    return PluginInfo(name, distribution, "1", status, reason="it is so", cure="Change it.")


def test_mappings_are_by_name() -> None:
    registry = PluginRegistry((ACME, ZMQ))

    assert list(registry.brokers) == ["acme", "zmq"]
    assert len(registry.brokers) == 2
    assert registry.commands["dash"].target == "acme:dash"
    assert registry.middlewares.get("other") is None
    assert "other" not in registry.health_checks
    assert "acme" in repr(registry.brokers)


def test_urls_lead_to_descriptors() -> None:
    registry = PluginRegistry((ACME, ZMQ))

    assert registry.broker_for_url("ACMES://user:pw@host/1").name == "acme"
    assert registry.broker_for_url("zmq+tcp://127.0.0.1:5555").name == "zmq"
    assert registry.result_backend_for_url("acme://").factory == "acme:Results"
    assert registry.schedule_source_for_url("acme://").factory == "acme:Source"


def test_unknown_scheme_lists_the_known_ones_with_their_packages() -> None:
    with pytest.raises(NotProvidedError) as caught:
        PluginRegistry((ACME, ZMQ)).broker_for_url("amce://user:geheim@host")

    assert str(caught.value) == (
        "There is no broker for amce:// URLs. Known are: acme:// (acme-queue), acmes:// "
        "(acme-queue), zmq+tcp:// (taskiq-zmq). Check the spelling, or install the plugin that "
        "has it."
    )


def test_result_backend_of_a_scheme_that_only_a_broker_has() -> None:
    with pytest.raises(NotProvidedError, match=r"no result backend for zmq\+tcp:// URLs.*spelling"):
        PluginRegistry((ACME, ZMQ)).result_backend_for_url("zmq+tcp://host")


@pytest.mark.parametrize("scheme", ["rabbit", "rabbits", "rabbit+tls"])
def test_missing_scheme_quotes_the_command_that_a_plugin_registered(scheme: str) -> None:
    with pytest.raises(NotProvidedError) as caught:
        PluginRegistry((GUIDE,)).broker_for_url(f"{scheme}://host")

    assert str(caught.value) == (
        f"There is no broker for {scheme}:// URLs. Known are: none. "
        "Install it: pip install acme-rabbit"
    )


@pytest.mark.parametrize("name", ["rabbit", "Acme.Rabbit"])
def test_missing_name_quotes_the_command_that_a_plugin_registered(name: str) -> None:
    with pytest.raises(NotProvidedError, match=r"Install it: pip install acme-rabbit$"):
        PluginRegistry((GUIDE,)).worker_services[name]


def test_cure_of_a_plugin_that_does_not_take_part_is_not_quoted() -> None:
    blocked = replace(GUIDE, status=PluginStatus.DISABLED, reason="so it is", cure="Change it.")

    with pytest.raises(NotProvidedError, match=r"Check the spelling, or install the plugin"):
        PluginRegistry((blocked,)).broker_for_url("rabbit://host")


def test_first_of_two_cures_for_a_word_counts() -> None:
    other = InstallCure("other-rabbit", words=("rabbit",), command="pip install other-rabbit")
    second = PluginInfo("second", "second", "1", install_cures=(other,))

    with pytest.raises(NotProvidedError, match=r"pip install acme-rabbit$"):
        PluginRegistry((GUIDE, second)).broker_for_url("rabbit://host")


def test_scheme_that_the_installed_distribution_lacks_is_a_matter_of_spelling() -> None:
    rabbit = PluginInfo("rabbit", "acme-rabbit", "1")

    with pytest.raises(NotProvidedError, match=r"Check the spelling"):
        PluginRegistry((GUIDE, rabbit)).broker_for_url("rabbit://host")


@pytest.mark.parametrize("scheme", ["redis", "amqp", "nats", "postgresql"])
def test_core_advises_no_install_command_of_its_own(scheme: str) -> None:
    with pytest.raises(NotProvidedError) as caught:
        PluginRegistry().broker_for_url(f"{scheme}://host")

    assert str(caught.value) == (
        f"There is no broker for {scheme}:// URLs. Known are: none. Check the spelling, or install "
        "the plugin that has it."
    )


@pytest.mark.parametrize("url", ["localhost", "", "geheim@host", "redis:geheim@host", "1a://x"])
def test_url_without_scheme_is_not_repeated(url: str) -> None:
    with pytest.raises(BrokerUrlError) as caught:
        PluginRegistry((ACME,)).broker_for_url(url)

    assert str(caught.value) == (
        "The URL of the broker can't be used: it has no scheme; it must look like "
        "redis://localhost:6379/0"
    )


@pytest.mark.parametrize(
    "status",
    [
        PluginStatus.BROKEN,
        PluginStatus.INCOMPATIBLE,
        PluginStatus.DISABLED,
        PluginStatus.CONFLICT,
    ],
)
def test_asking_for_something_of_an_absent_plugin(status: PluginStatus) -> None:
    registry = PluginRegistry((ACME, absent("redis", "taskiq-redis", status)))

    with pytest.raises(PluginUnavailableError) as caught:
        registry.brokers["redis"]

    assert str(caught.value) == (
        f"There is no broker 'redis': the plugin 'redis' (taskiq-redis 1) is {status.value}: "
        "it is so. Change it."
    )


@pytest.mark.parametrize(
    ("name", "distribution", "scheme"),
    [
        ("redis", "my-redis", "redis"),
        ("redis", "my-redis", "rediss"),
        ("streams", "acme-rabbit", "rabbits"),
        ("zmq", "my-zmq", "zmq+tcp"),
        ("my-queue", "my-queue", "my.queue"),
    ],
)
def test_absent_plugin_is_known_by_its_name(name: str, distribution: str, scheme: str) -> None:
    registry = PluginRegistry((GUIDE, absent(name, distribution, PluginStatus.BROKEN)))

    with pytest.raises(PluginUnavailableError) as caught:
        registry.broker_for_url(f"{scheme}://host")

    assert caught.value.plugin == name


def test_unknown_name() -> None:
    with pytest.raises(KeyError) as caught:
        PluginRegistry((ACME,)).middlewares["acne"]

    assert str(caught.value) == (
        "There is no middleware 'acne'. Known are: acme. Check the spelling, or install the plugin "
        "that has it."
    )


def test_find_by_plugin_or_distribution() -> None:
    registry = PluginRegistry((ACME, ZMQ))

    assert registry.find("Acme.Queue") == registry.find("acme") == (ACME,)
    assert registry.find("other") == ()


def test_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("acme")
    module.Parent = type("Parent", (), {"Middleware": 42})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acme", module)
    registry = PluginRegistry((ACME,))

    assert registry.resolve(registry.middlewares["acme"]) == 42
    with pytest.raises(PluginTargetError, match=r"module 'acme' has no attribute 'Broker'"):
        registry.resolve(registry.brokers["acme"])


def test_resolve_of_another_registry() -> None:
    with pytest.raises(ValueError, match="is not in this registry"):
        PluginRegistry().resolve(BrokerSpec("acme", factory="acme:Broker"))

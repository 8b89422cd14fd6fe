"""Nobody wins what two distributions claim, until it is configured."""

from collections.abc import Callable
from pathlib import Path

import pytest

from taskiq_core.plugins import (
    PluginInfo,
    PluginRegistry,
    PluginStatus,
    PluginUnavailableError,
    load_plugins,
)

InstallPlugin = Callable[..., Path]


def broker(name: str, *schemes: str) -> str:
    return f"""
        @hookimpl
        def taskiq_register_brokers():
            return [BrokerSpec({name!r}, schemes={schemes!r}, factory="nowhere:Broker")]

        @hookimpl
        def taskiq_register_result_backends():
            return [ResultBackendSpec({name + "-results"!r}, factory="nowhere:Results")]
    """


def by_distribution(registry: PluginRegistry) -> dict[str, PluginInfo]:
    return {
        plugin.distribution: plugin
        for plugin in registry.plugins
        if plugin.distribution.startswith("acme-")
    }


def statuses(registry: PluginRegistry) -> dict[str, str]:
    return {name: plugin.status.value for name, plugin in by_distribution(registry).items()}


class TestPluginName:
    @pytest.fixture(autouse=True)
    def _installed(self, install_plugin: InstallPlugin) -> None:
        install_plugin("acme-one", broker("one"), plugin="acme")
        install_plugin("acme-two", broker("two"), plugin="acme")
        install_plugin("acme-three", broker("three"), plugin="three")

    def test_neither_wins(self) -> None:
        registry = load_plugins()

        plugins = by_distribution(registry)
        assert statuses(registry) == {
            "acme-one": "conflict",
            "acme-two": "conflict",
            "acme-three": "ok",
        }
        assert plugins["acme-one"].reason == (
            "acme-one and acme-two all claim the plugin name 'acme'"
        )
        assert plugins["acme-one"].cure == (
            'Say who wins in pyproject.toml: [tool.taskiq] prefer = { "acme" = "acme-one" }, '
            "or do without one of them: TASKIQ_DISABLE_PLUGINS=acme-two"
        )
        assert "one" not in registry.brokers

    def test_cure_prefer(self) -> None:
        registry = load_plugins(prefer={"acme": "Acme_Two"})

        plugins = by_distribution(registry)
        assert plugins["acme-two"].status is PluginStatus.OK
        assert plugins["acme-one"].status is PluginStatus.DISABLED
        assert plugins["acme-one"].reason == "`prefer` gives the plugin name 'acme' to acme-two"
        assert "two" in registry.brokers
        assert "one" not in registry.brokers

    def test_cure_disable_one(self) -> None:
        registry = load_plugins(environ={"TASKIQ_DISABLE_PLUGINS": "acme-two"})

        assert statuses(registry)["acme-one"] == "ok"
        assert statuses(registry)["acme-two"] == "disabled"

    def test_preferred_distribution_is_not_there(self) -> None:
        registry = load_plugins(prefer={"acme": "acme-four"})

        plugins = by_distribution(registry)
        assert plugins["acme-one"].status is PluginStatus.CONFLICT
        assert "('acme-four', which it names now, is not one of them)" in plugins["acme-one"].cure


class TestScheme:
    @pytest.fixture(autouse=True)
    def _installed(self, install_plugin: InstallPlugin) -> None:
        install_plugin("acme-one", broker("one", "acme", "acmes"))
        install_plugin("acme-two", broker("two", "acme", "two"))

    def test_neither_wins(self) -> None:
        registry = load_plugins()

        one = by_distribution(registry)["acme-one"]
        assert statuses(registry) == {"acme-one": "conflict", "acme-two": "conflict"}
        assert one.reason == "acme-one and acme-two all claim the broker URL scheme 'acme'"
        assert 'prefer = { "acme" = "acme-one" }' in one.cure
        assert not {"one", "two"} & set(registry.brokers)
        assert not {"one-results", "two-results"} & set(registry.result_backends)

    def test_asking_for_it_shows_the_conflict(self) -> None:
        registry = load_plugins()

        with pytest.raises(PluginUnavailableError, match="is conflict: acme-one and acme-two"):
            registry.broker_for_url("acmes://host")

    def test_preferred_one_gets_the_scheme_and_the_other_keeps_the_rest(self) -> None:
        registry = load_plugins(prefer={"acme": "acme-two"})

        one = by_distribution(registry)["acme-one"]
        assert registry.broker_for_url("acme://").name == "two"
        assert registry.broker_for_url("acmes://").name == "one"
        assert registry.owner(registry.brokers["one"]) == one
        assert "one-results" in registry.result_backends
        assert one.status is PluginStatus.OK
        assert one.reason == (
            "it leaves the broker URL scheme 'acme' to acme-two, as configured by `prefer`"
        )


class TestBrokerName:
    @pytest.fixture(autouse=True)
    def _installed(self, install_plugin: InstallPlugin) -> None:
        install_plugin("acme-one", broker("acme", "one", "both"))
        install_plugin("acme-two", broker("acme", "two", "both"))

    def test_every_claim_is_named(self) -> None:
        one = by_distribution(load_plugins())["acme-one"]

        assert one.status is PluginStatus.CONFLICT
        for what in (
            "the broker 'acme'",
            "the result backend 'acme-results'",
            "the broker URL scheme 'both'",
        ):
            assert what in one.reason

    def test_who_loses_a_name_loses_what_it_names(self) -> None:
        registry = load_plugins(prefer={"acme": "acme-one", "acme-results": "acme-two"})

        assert statuses(registry) == {"acme-one": "ok", "acme-two": "ok"}
        assert registry.broker_for_url("both://").schemes == ("one", "both")
        assert not by_distribution(registry)["acme-two"].provides.brokers
        assert by_distribution(registry)["acme-two"].provides.result_backends


def test_command_name(install_plugin: InstallPlugin) -> None:
    for name in ("acme-one", "acme-two"):
        install_plugin(
            name,
            """
            @hookimpl
            def taskiq_register_commands():
                return [CommandSpec("acme-dash", target="nowhere:main")]
            """,
        )

    assert "acme-dash" not in load_plugins().commands
    assert "acme-dash" in load_plugins(prefer={"acme-dash": "acme-two"}).commands
    assert "acme-dash" in load_plugins(disabled=["acme-one"]).commands


def test_broker_and_result_backend_may_share_a_name_and_a_scheme(
    install_plugin: InstallPlugin,
) -> None:
    install_plugin(
        "acme-one",
        """
        @hookimpl
        def taskiq_register_brokers():
            return [BrokerSpec("acme", schemes=("acme",), factory="a:b")]
        """,
    )
    install_plugin(
        "acme-two",
        """
        @hookimpl
        def taskiq_register_result_backends():
            return [ResultBackendSpec("acme", schemes=("acme",), factory="a:b")]
        """,
    )

    assert statuses(load_plugins()) == {"acme-one": "ok", "acme-two": "ok"}


def test_one_distribution_against_itself(install: Callable[..., Path]) -> None:
    install("acme-one", entry_points=b"[taskiq]\nacme = one\nacme = two\n")

    registry = load_plugins(prefer={"acme": "acme-one"})

    assert [plugin.status.value for plugin in registry.find("acme")] == ["conflict", "conflict"]

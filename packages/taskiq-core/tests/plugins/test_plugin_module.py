"""A plugin that is not in order is listed with its reason and its cure, and breaks nobody else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from taskiq_core.plugins import PluginInfo, PluginStatus, PluginTargetError, load_plugins
from taskiq_core.plugins.plugin_module import describe

InstallPlugin = Callable[..., Path]

GOOD = """
@hookimpl
def taskiq_register_brokers():
    return [BrokerSpec("good", schemes=("good",), factory="nowhere:Broker")]
"""


@pytest.fixture
def status_of(install_plugin: InstallPlugin) -> Callable[..., PluginInfo]:
    """What becomes of a plugin; a good one beside it must not notice."""

    def load(body: str = "", **parts: str) -> PluginInfo:
        install_plugin("acme-good", GOOD, plugin="good")
        install_plugin("acme-bad", body, plugin="bad", **parts)
        registry = load_plugins()
        (good,) = registry.find("good")
        assert good.status is PluginStatus.OK
        assert registry.brokers["good"].schemes == ("good",)
        assert "bad" not in registry.brokers
        (bad,) = registry.find("bad")
        assert (bad.distribution, bad.version) == ("acme-bad", "1.0")
        return bad

    return load


def broken(plugin: PluginInfo) -> str:
    assert plugin.status is PluginStatus.BROKEN
    assert not plugin.provides.all()
    assert "TASKIQ_DISABLE_PLUGINS=bad" in plugin.cure
    assert "acme-bad" in plugin.cure
    return plugin.reason


def test_a_good_plugin_provides_what_it_says(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of("""
        @hookimpl
        def taskiq_register_result_backends():
            return (ResultBackendSpec("bad-results", factory="nowhere:Results"),)

        @hookimpl
        def taskiq_register_commands():
            return [CommandSpec("bad-dash", target="nowhere:main", help="Look at it.")]
    """)

    assert plugin.status is PluginStatus.OK
    assert [spec.name for spec in plugin.provides.all()] == ["bad-results", "bad-dash"]


def test_a_plugin_may_provide_nothing(status_of: Callable[..., PluginInfo]) -> None:
    assert status_of().status is PluginStatus.OK


def test_raises_on_import(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of("raise RuntimeError('no luck\\nat all')")

    assert broken(plugin) == "importing acme_bad_plugin raised RuntimeError: no luck"
    assert "Traceback" in plugin.details
    assert "at all" in plugin.details


def test_imports_what_is_not_there(status_of: Callable[..., PluginInfo]) -> None:
    assert "No module named 'nowhere_at_all'" in broken(status_of("import nowhere_at_all"))


def test_exits_on_import(status_of: Callable[..., PluginInfo]) -> None:
    assert broken(status_of("raise SystemExit(3)")).endswith("raised SystemExit: 3")


def test_syntax_error(status_of: Callable[..., PluginInfo]) -> None:
    reason = broken(status_of("def broken(:"))

    assert "SyntaxError" in reason
    assert "acme_bad_plugin.py, line" in reason


def test_keyboard_interrupt_goes_on(install_plugin: InstallPlugin) -> None:
    install_plugin("acme-bad", "raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load_plugins()


def test_module_is_not_there(install: Callable[..., Path]) -> None:
    install("acme-bad", plugins={"bad": "acme_not_there.plugin"})

    (plugin,) = load_plugins().find("bad")

    assert "No module named 'acme_not_there'" in broken(plugin)


def test_entry_point_is_no_module(install: Callable[..., Path]) -> None:
    install("acme-bad", plugins={"bad": "what is this?"})

    (plugin,) = load_plugins().find("bad")

    assert broken(plugin) == (
        "its entry point 'what is this?' does not have the form 'package.module'"
    )


def test_api_is_not_declared(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of(header="")

    assert plugin.status is PluginStatus.INCOMPATIBLE
    assert plugin.reason == "it does not declare TASKIQ_PLUGIN_API"
    assert "`TASKIQ_PLUGIN_API = (1, 1)` belongs into acme_bad_plugin." in plugin.cure


@pytest.mark.parametrize("value", ["1", "'1.0'", "(1,)", "(1, 0, 0)", "(True, False)", "[1, 0]"])
def test_api_is_not_a_version(status_of: Callable[..., PluginInfo], value: str) -> None:
    plugin = status_of(f"TASKIQ_PLUGIN_API = {value}")

    assert plugin.status is PluginStatus.INCOMPATIBLE
    assert plugin.reason.startswith("its TASKIQ_PLUGIN_API is ")
    assert plugin.reason.endswith("not two numbers such as (1, 1)")


@pytest.mark.parametrize(
    ("value", "to_upgrade"),
    [("(1, 2)", "taskiq-core"), ("(2, 0)", "taskiq-core"), ("(0, 9)", "acme-bad")],
)
def test_api_of_another_version(
    status_of: Callable[..., PluginInfo], value: str, to_upgrade: str
) -> None:
    plugin = status_of(f"TASKIQ_PLUGIN_API = {value}")

    assert plugin.status is PluginStatus.INCOMPATIBLE
    assert plugin.reason.endswith("of the plugin API, and this taskiq-core has 1.1")
    assert plugin.cure == f"pip install --upgrade {to_upgrade}"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("'rubbish'", "'rubbish'"),
        ("{}", "{}"),
        ("['rubbish']", "a list with 'rubbish'"),
        ("[CommandSpec('bad', target='a:b')]", "a list with CommandSpec("),
    ],
)
def test_hook_returns_rubbish(
    status_of: Callable[..., PluginInfo], answer: str, found: str
) -> None:
    plugin = status_of(f"@hookimpl\ndef taskiq_register_brokers():\n    return {answer}")

    reason = broken(plugin)

    assert reason.startswith(f"taskiq_register_brokers() returned {found}")
    assert reason.endswith(", not a list of BrokerSpec")


def test_descriptor_is_not_valid(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of("""
        @hookimpl
        def taskiq_register_brokers():
            return [BrokerSpec("bad", schemes="bad", factory="nowhere:Broker")]
    """)

    assert "BrokerSpec('bad'): schemes 'bad' must be a tuple of strings" in broken(plugin)


@pytest.mark.parametrize("raised", ["ValueError('boo')", "SystemExit('boo')"])
def test_hook_raises_and_nothing_is_registered_half_way(
    status_of: Callable[..., PluginInfo], raised: str
) -> None:
    plugin = status_of(f"""
        @hookimpl
        def taskiq_register_brokers():
            return [BrokerSpec("bad", schemes=("bad",), factory="nowhere:Broker")]

        @hookimpl
        def taskiq_register_commands():
            raise {raised}
    """)

    reason = broken(plugin)

    assert reason.startswith("taskiq_register_commands() raised ")
    assert reason.endswith(": boo")


def test_hook_of_unknown_name(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of("@hookimpl\ndef taskiq_register_broker():\n    return []")

    assert "unknown hook 'taskiq_register_broker'" in broken(plugin)


def test_hook_with_arguments(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of("@hookimpl\ndef taskiq_register_brokers(app):\n    return []")

    assert broken(plugin).startswith("reading its hooks raised PluginValidationError")


def test_hook_without_mark(status_of: Callable[..., PluginInfo]) -> None:
    plugin = status_of("def taskiq_register_brokers():\n    return []")

    assert broken(plugin) == "taskiq_register_brokers is not marked with @hookimpl"


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ("BrokerSpec('one', factory='a:b')", "the broker 'one' twice"),
        ("BrokerSpec('two', schemes=('x',), factory='a:b')", "the broker URL scheme 'x' twice"),
    ],
)
def test_provides_one_thing_twice(
    status_of: Callable[..., PluginInfo], second: str, what: str
) -> None:
    plugin = status_of(f"""
        @hookimpl
        def taskiq_register_brokers():
            return [BrokerSpec("one", schemes=("x",), factory="a:b"), {second}]
    """)

    assert broken(plugin) == f"it provides {what}"


def test_hook_wrapper_sees_no_other_plugin(install_plugin: InstallPlugin) -> None:
    install_plugin("acme-good", GOOD, plugin="good")
    install_plugin(
        "acme-bad",
        """
        @hookimpl(wrapper=True)
        def taskiq_register_brokers():
            yield
            return []
        """,
        plugin="bad",
    )

    assert load_plugins().brokers["good"].factory == "nowhere:Broker"


def test_lazy_target_is_missed_only_when_asked_for(install_plugin: InstallPlugin) -> None:
    install_plugin("acme-good", GOOD, plugin="good")
    registry = load_plugins()
    spec = registry.broker_for_url("good://host")

    with pytest.raises(PluginTargetError) as caught:
        registry.resolve(spec)

    assert str(caught.value) == (
        "The broker 'good' of the plugin 'good' (acme-good 1.0) can't be used: importing "
        "nowhere:Broker raised ModuleNotFoundError: No module named 'nowhere'. Bring it and what "
        "it depends on up to date: pip install --upgrade acme-good"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_an_error_that_cannot_say_what_it_is() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(MuteError()) == "MuteError"

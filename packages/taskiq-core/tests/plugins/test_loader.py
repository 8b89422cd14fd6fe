"""Plugins are blocked and required by name."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from taskiq_core.plugins import (
    PluginStatus,
    PreloadModule,
    RequiredPluginError,
    load_plugins,
    load_project_plugins,
)

InstallPlugin = Callable[..., Path]

BROKER = """
@hookimpl
def taskiq_register_brokers():
    return [BrokerSpec("acme", schemes=("acme",), factory="nowhere:Broker")]
"""


@pytest.mark.parametrize("names", ["acme", "acme-queue", "other, ACME ,", "acme_queue", "*"])
def test_blocked_by_the_environment(install_plugin: InstallPlugin, names: str) -> None:
    install_plugin("acme-queue", BROKER, plugin="acme")

    registry = load_plugins(environ={"TASKIQ_DISABLE_PLUGINS": names})

    (plugin,) = registry.find("acme")
    assert plugin.status is PluginStatus.DISABLED
    assert plugin.reason == "TASKIQ_DISABLE_PLUGINS names it"
    assert "TASKIQ_DISABLE_PLUGINS" in plugin.cure
    assert "acme_queue_plugin" not in sys.modules
    assert "acme" not in registry.brokers


def test_blocked_by_the_process_environment(
    install_plugin: InstallPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plugin("acme", BROKER)
    monkeypatch.setenv("TASKIQ_DISABLE_PLUGINS", "*")

    registry = load_plugins()

    assert {plugin.status for plugin in registry.plugins} == {PluginStatus.DISABLED}
    assert not registry.brokers


def test_blocked_by_the_caller(install_plugin: InstallPlugin) -> None:
    install_plugin("acme", BROKER)

    (plugin,) = load_plugins(disabled=["acme"]).find("acme")

    assert plugin.status is PluginStatus.DISABLED
    assert "--no-plugin" in plugin.reason


def test_broken_one_is_not_even_tried_when_blocked(install_plugin: InstallPlugin) -> None:
    install_plugin("acme", "raise RuntimeError")

    (plugin,) = load_plugins(disabled=["acme"]).find("acme")

    assert plugin.status is PluginStatus.DISABLED


def test_plugins_are_in_the_order_of_their_names(install_plugin: InstallPlugin) -> None:
    for name in ("acme-c", "acme-a", "Acme-B"):
        install_plugin(name)

    names = [plugin.name for plugin in load_plugins().plugins]

    assert names == sorted(names, key=str.lower)


@pytest.mark.parametrize("name", ["acme", "acme-queue", "Acme_Queue"])
def test_required_and_there(install_plugin: InstallPlugin, name: str) -> None:
    install_plugin("acme-queue", BROKER, plugin="acme")

    assert "acme" in load_plugins(required=[name]).brokers


def test_required_and_missing() -> None:
    with pytest.raises(RequiredPluginError) as caught:
        load_plugins(required=["acme"])

    assert str(caught.value) == (
        "The plugin 'acme' is required, but it is not installed. Install the distribution that has "
        "it, or remove it from `required_plugins` of [tool.taskiq] in pyproject.toml."
    )


@pytest.mark.parametrize("name", ["rabbit", "acme-rabbit"])
def test_required_and_missing_with_a_cure(install_plugin: InstallPlugin, name: str) -> None:
    install_plugin(
        "acme-guide",
        """
        from taskiq_core.plugins import InstallCure

        TASKIQ_PLUGIN_API = (1, 1)

        @hookimpl
        def taskiq_register_install_cures():
            return [InstallCure("acme-rabbit", words=("rabbit",), command="pip install acme[it]")]
        """,
    )

    with pytest.raises(RequiredPluginError) as caught:
        load_plugins(required=[name])

    assert "it is not installed. Install it: pip install acme[it], or remove" in str(caught.value)


def test_modules_to_preload_are_kept_with_their_plugin(install_plugin: InstallPlugin) -> None:
    install_plugin(
        "acme",
        """
        from taskiq_core.plugins import PreloadModule

        TASKIQ_PLUGIN_API = (1, 1)

        @hookimpl
        def taskiq_register_preload_modules():
            return [PreloadModule("acme.broker")]
        """,
    )

    (plugin,) = load_plugins().find("acme")

    assert plugin.preload_modules == (PreloadModule("acme.broker"),)


def test_required_and_broken(install_plugin: InstallPlugin) -> None:
    install_plugin("acme", "raise RuntimeError('no luck')")

    with pytest.raises(RequiredPluginError) as caught:
        load_plugins(required=["acme"])

    assert caught.value.reason == (
        "'acme' (acme 1.0) is broken: importing acme_plugin raised RuntimeError: no luck"
    )
    assert "pip install --upgrade acme" in caught.value.cure


def test_required_and_blocked(install_plugin: InstallPlugin) -> None:
    install_plugin("acme", BROKER)

    with pytest.raises(RequiredPluginError, match="is disabled: TASKIQ_DISABLE_PLUGINS names it"):
        load_plugins(required=["acme"], environ={"TASKIQ_DISABLE_PLUGINS": "*"})


def test_project_configures_its_plugins(install_plugin: InstallPlugin, tmp_path: Path) -> None:
    for name in ("acme-one", "acme-two", "acme-three"):
        install_plugin(name, BROKER.replace("acme", "acme-x") if name == "acme-three" else BROKER)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[tool.taskiq]\nrequired_plugins = ["acme-one"]\ndisabled_plugins = ["acme-three"]\n'
        '[tool.taskiq.prefer]\nacme = "acme-two"\n'
    )

    registry = load_project_plugins(project)

    assert registry.owner(registry.broker_for_url("acme://")).distribution == "acme-two"
    assert registry.find("acme-three")[0].status is PluginStatus.DISABLED


def test_project_and_caller_block_together(install_plugin: InstallPlugin, tmp_path: Path) -> None:
    install_plugin("acme", BROKER)

    registry = load_project_plugins(tmp_path, disabled=["acme"])

    assert registry.find("acme")[0].status is PluginStatus.DISABLED


def test_nothing_is_kept_between_two_loads(install_plugin: InstallPlugin) -> None:
    before = load_plugins()
    install_plugin("acme", BROKER)

    assert "acme" in load_plugins().brokers
    assert "acme" not in before.brokers

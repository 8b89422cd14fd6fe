"""What to install for a name or URL scheme that no installed plugin has."""

from collections.abc import Iterable

from taskiq_core.plugins.plugin_info import PluginInfo, PluginStatus, canonical
from taskiq_core.plugins.specs import InstallCure


class InstallCures:
    """The install commands that plugins have registered; the first plugin that knows a word wins.

    Args:
        plugins: all installed plugins; the ones that don't take part are ignored.
    """

    __slots__ = ("_by_word",)

    def __init__(self, plugins: Iterable[PluginInfo]) -> None:
        self._by_word: dict[str, InstallCure] = {}
        for plugin in plugins:
            if plugin.status is PluginStatus.OK:
                for cure in plugin.install_cures:
                    for word in (cure.distribution, *cure.words):
                        self._by_word.setdefault(canonical(word), cure)

    def command(self, word: str) -> str | None:
        """The shell command that installs a plugin, distribution or URL scheme, if it is known."""
        cure = self._by_word.get(canonical(word))
        return cure.command if cure else None

    def distribution(self, word: str) -> str | None:
        """The canonical name of the distribution that has a plugin or URL scheme, if known."""
        cure = self._by_word.get(canonical(word))
        return canonical(cure.distribution) if cure else None

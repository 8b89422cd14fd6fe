"""The descriptors of one kind, by name."""

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from taskiq_core.plugins.errors import NotProvidedError, PluginUnavailableError
from taskiq_core.plugins.install_cures import InstallCures
from taskiq_core.plugins.plugin_info import Kind, PluginInfo, PluginStatus, canonical
from taskiq_core.plugins.specs import Spec, schemes_of

_S_co = TypeVar("_S_co", bound=Spec, covariant=True)

_SPELLING: Final = "Check the spelling, or install the plugin that has it."


class SpecMapping(Mapping[str, _S_co]):
    """The descriptors of one kind by name, from all plugins that take part.

    A missing name raises an error with the reason: the plugin that has it does not take part, or
    no installed plugin has it.

    Args:
        kind: the kind of the descriptors.
        plugins: all installed plugins, including the ones that don't take part.
    """

    __slots__ = ("_by_name", "_cures", "_kind", "_plugins")

    def __init__(self, kind: Kind, plugins: tuple[PluginInfo, ...]) -> None:
        self._kind = kind
        self._plugins = plugins
        self._cures = InstallCures(plugins)
        self._by_name: dict[str, _S_co] = {
            spec.name: spec
            for plugin in plugins
            if plugin.status is PluginStatus.OK
            for spec in getattr(plugin.provides, kind.field)
        }

    def __getitem__(self, name: str) -> _S_co:
        if spec := self._by_name.get(name):
            return spec
        raise self._refusal(name, f"{self._kind.noun} {name!r}", ", ".join(self._by_name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"SpecMapping({self._by_name!r})"

    def for_scheme(self, scheme: str) -> _S_co:
        """The descriptor that a URL scheme leads to.

        Raises:
            PluginUnavailableError: a plugin that does not take part has it.
            NotProvidedError: no installed plugin has it.
        """
        for spec in self._by_name.values():
            if scheme in schemes_of(spec):
                return spec
        wanted = f"{self._kind.noun} for {scheme}:// URLs"
        raise self._refusal(scheme, wanted, self._known_schemes())

    def _known_schemes(self) -> str:
        return ", ".join(
            f"{scheme}:// ({plugin.distribution})"
            for plugin in self._plugins
            if plugin.status is PluginStatus.OK
            for spec in getattr(plugin.provides, self._kind.field)
            for scheme in schemes_of(spec)
        )

    def _refusal(self, word: str, wanted: str, known: str) -> NotProvidedError:
        if culprit := self._culprit(word):
            return PluginUnavailableError(
                wanted=wanted,
                plugin=culprit.name,
                distribution=culprit.distribution,
                version=culprit.version,
                status=culprit.status.value,
                reason=culprit.reason,
                cure=culprit.cure,
            )
        install = self._cures.command(word)
        cure = f"Install it: {install}" if install and not self._has(word) else _SPELLING
        return NotProvidedError(wanted=wanted, known=known or "none", cure=cure)

    def _culprit(self, word: str) -> PluginInfo | None:
        """A plugin that does not take part and probably has the word."""
        absent = [plugin for plugin in self._plugins if plugin.status is not PluginStatus.OK]
        by_specs = (plugin for plugin in absent if self._declares(plugin, word))
        # The name is all that is known about a plugin that could not be loaded.
        by_name = (plugin for plugin in absent if self._is_named_for(plugin, word))
        return next(by_specs, None) or next(by_name, None)

    def _declares(self, plugin: PluginInfo, word: str) -> bool:
        specs: tuple[Spec, ...] = getattr(plugin.provides, self._kind.field)
        return any(word == spec.name or word in schemes_of(spec) for spec in specs)

    def _has(self, word: str) -> bool:
        """Whether the distribution that should have the word is installed."""
        distribution = self._cures.distribution(word)
        return any(canonical(plugin.distribution) == distribution for plugin in self._plugins)

    def _is_named_for(self, plugin: PluginInfo, word: str) -> bool:
        names = {canonical(plugin.name), canonical(plugin.distribution)}
        distribution = self._cures.distribution(word) or word
        words = {word, word.partition("+")[0], word.removesuffix("s"), distribution}
        return bool(names & {canonical(each) for each in words})

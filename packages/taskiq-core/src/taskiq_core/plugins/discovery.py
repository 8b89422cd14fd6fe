"""Which plugins are installed, read from the metadata of distributions without importing any.

Several folders of `sys.path` may hold the same distribution, of one version or several. As with
imports, the first one counts and the others are as if they were not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from taskiq_core.plugins.hooks import PROJECT
from taskiq_core.plugins.plugin_info import PluginInfo, PluginStatus, canonical

_FILE = "entry_points.txt"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry point of the group `taskiq`, not imported yet."""

    name: str
    distribution: str
    version: str
    entry_point: metadata.EntryPoint

    def info(
        self, status: PluginStatus, *, reason: str, cure: str, details: str = ""
    ) -> PluginInfo:
        """Make the `PluginInfo` of a plugin that does not take part.

        Args:
            status: why it does not, as a word.
            reason: why, in a sentence.
            cure: what to do about it.
            details: a traceback, for instance.
        """
        return PluginInfo(self.name, self.distribution, self.version, status, reason, cure, details)

    def answers_to(self, names: set[str]) -> bool:
        """Whether the plugin or its distribution has one of these canonical names."""
        return bool(names & {canonical(self.name), canonical(self.distribution)})


@dataclass(frozen=True, slots=True)
class Discovery:
    """The installed plugins, and the distributions whose metadata can't be read."""

    candidates: tuple[Candidate, ...]
    unreadable: tuple[PluginInfo, ...]


def discover() -> Discovery:
    """Read the entry points of all installed distributions; nothing is imported."""
    candidates: list[Candidate] = []
    unreadable: list[PluginInfo] = []
    for distribution in _distributions():
        try:
            candidates.extend(_candidates_of(distribution))
        except Exception as error:  # noqa: BLE001  # one distribution is isolated from the rest
            unreadable.append(_unreadable(distribution, error))
    candidates.sort(key=lambda found: (canonical(found.name), canonical(found.distribution)))
    return Discovery(tuple(candidates), tuple(unreadable))


def _distributions() -> Iterator[metadata.Distribution]:
    """The distributions that may hold a plugin, each once, in the order of `sys.path`."""
    seen: set[str] = set()
    for distribution in metadata.distributions():
        if not _may_hold_plugin(distribution):
            continue
        name = _name_of(distribution)
        if canonical(name) in seen:
            continue
        seen.add(canonical(name))
        # Another one of that name, without plugins, may come before it on the path and shadow it.
        first = next(iter(metadata.distributions(name=name)), distribution)
        if _may_hold_plugin(first):
            yield first


def _may_hold_plugin(distribution: metadata.Distribution) -> bool:
    try:
        return PROJECT in (distribution.read_text(_FILE) or "")
    except Exception:  # noqa: BLE001  # unreadable, so it may; `discover` finds the reason again
        return True


def _candidates_of(distribution: metadata.Distribution) -> list[Candidate]:
    name, version = _name_of(distribution), _version_of(distribution)
    entry_points = distribution.entry_points.select(group=PROJECT)
    # A set, because a file that was written twice does not conflict with itself.
    return [Candidate(found.name, name, version, found) for found in sorted(set(entry_points))]


def _name_of(distribution: metadata.Distribution) -> str:
    return _field(distribution, "Name") or f"a distribution in {distribution.locate_file('')}"


def _version_of(distribution: metadata.Distribution) -> str:
    return _field(distribution, "Version") or "unknown"


def _field(distribution: metadata.Distribution, key: str) -> str | None:
    try:
        fields = distribution.metadata
        return fields[key] if key in fields else None  # noqa: SIM401  # its protocol has no `get`
    except Exception:  # noqa: BLE001  # half-removed distributions raise various things
        return None


def _unreadable(distribution: metadata.Distribution, error: Exception) -> PluginInfo:
    name = _name_of(distribution)
    return PluginInfo(
        name,
        name,
        _version_of(distribution),
        PluginStatus.BROKEN,
        f"its {_FILE} can't be read, so whether it has plugins isn't known "
        f"({type(error).__name__}: {error})",
        f"Reinstall it: pip install --force-reinstall --no-deps {name}",
    )

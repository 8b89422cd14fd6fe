"""Conflicts of plugins over names and URL schemes: no plugin wins, until it is configured.

Plugins claim their own name, and the names and URL schemes of what they provide. A project says who
wins with `[tool.taskiq] prefer = { "redis" = "taskiq-redis" }`: the word in question, whatever it
names, and the distribution that gets it. Who loses the plugin's name is not loaded; who loses the
name or a URL scheme of something it provides goes without that and keeps the rest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeAlias

from taskiq_core.plugins.discovery import Candidate
from taskiq_core.plugins.plugin_info import KINDS, PluginInfo, PluginStatus, Provides, canonical
from taskiq_core.plugins.specs import schemes_of

Preferences: TypeAlias = Mapping[str, str]
_PluginKey: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Claim:
    """A word that only one plugin can have.

    Attributes:
        field: the kind of thing that it names.
        what: the kind in words, for messages, such as "broker" or "broker URL scheme".
        word: the name or scheme itself.
    """

    field: str
    what: str
    word: str


_ClaimsOf: TypeAlias = Callable[[Provides], set[_Claim]]
_Cede: TypeAlias = Callable[[Provides, set[_Claim]], Provides]


def settle_names(
    candidates: Sequence[Candidate], prefer: Preferences
) -> tuple[list[Candidate], list[PluginInfo]]:
    """Decide which plugin gets a plugin name that several claim.

    Args:
        candidates: ordered by name.
        prefer: the distribution that wins each contested word.

    Returns:
        The candidates that keep their name, and the plugins that lose it.
    """
    winners: list[Candidate] = []
    losers: list[PluginInfo] = []
    for _, group in groupby(candidates, key=lambda candidate: canonical(candidate.name)):
        rivals = list(group)
        word = rivals[0].name
        distributions = [rival.distribution for rival in rivals]
        winner = (
            rivals[0].distribution if len(rivals) == 1 else _winner(word, distributions, prefer)
        )
        for rival in rivals:
            if rival.distribution == winner:
                winners.append(rival)
            elif winner is not None:
                losers.append(_passed_over(rival, winner))
            else:
                reason = f"{_listed(distributions)} all claim the plugin name {word!r}"
                cure = _cure(word, distributions, prefer)
                losers.append(rival.info(PluginStatus.CONFLICT, reason=reason, cure=cure))
    return winners, losers


def settle_claims(plugins: Iterable[PluginInfo], prefer: Preferences) -> list[PluginInfo]:
    """The plugins without what they cede; a plugin whose claim is contested is in conflict."""
    # Names first: a plugin that cedes a name cedes what it names, its URL schemes included.
    plugins = _settle(list(plugins), prefer, _names, _without_names)
    return _settle(plugins, prefer, _schemes, _without_schemes)


def _settle(
    plugins: list[PluginInfo], prefer: Preferences, claims_of: _ClaimsOf, cede: _Cede
) -> list[PluginInfo]:
    claimants: dict[_Claim, list[PluginInfo]] = {}
    for plugin in plugins:
        for claim in claims_of(plugin.provides):
            claimants.setdefault(claim, []).append(plugin)
    ceded: dict[_PluginKey, dict[_Claim, str]] = {}
    contested: dict[_PluginKey, list[tuple[_Claim, list[str]]]] = {}
    for claim, rivals in sorted(claimants.items(), key=lambda item: (item[0].what, item[0].word)):
        if len(rivals) == 1:
            continue
        distributions = [rival.distribution for rival in rivals]
        winner = _winner(claim.word, distributions, prefer)
        for rival in rivals:
            if winner is None:
                contested.setdefault(_key(rival), []).append((claim, distributions))
            elif rival.distribution != winner:
                ceded.setdefault(_key(rival), {})[claim] = winner
    settled = (_ceding(plugin, ceded.get(_key(plugin), {}), cede) for plugin in plugins)
    return [_contesting(plugin, contested.get(_key(plugin), []), prefer) for plugin in settled]


def _ceding(plugin: PluginInfo, ceded: Mapping[_Claim, str], cede: _Cede) -> PluginInfo:
    notes = [
        f"it leaves the {claim.what} {claim.word!r} to {winner}, as configured by `prefer`"
        for claim, winner in ceded.items()
    ]
    if not notes:
        return plugin
    return replace(
        plugin,
        reason=_joined("; ", plugin.reason, *notes),
        provides=cede(plugin.provides, set(ceded)),
    )


def _contesting(
    plugin: PluginInfo, contested: Sequence[tuple[_Claim, list[str]]], prefer: Preferences
) -> PluginInfo:
    if not contested:
        return plugin
    reasons = [
        f"{_listed(distributions)} all claim the {claim.what} {claim.word!r}"
        for claim, distributions in contested
    ]
    cures = [_cure(claim.word, distributions, prefer) for claim, distributions in contested]
    return replace(
        plugin,
        status=PluginStatus.CONFLICT,
        reason=_joined("; ", plugin.reason, *reasons),
        cure=_joined(" ", plugin.cure, *dict.fromkeys(cures)),
    )


def _names(provides: Provides) -> set[_Claim]:
    return {
        _Claim(kind.field, kind.noun, spec.name)
        for kind in KINDS
        for spec in getattr(provides, kind.field)
    }


def _schemes(provides: Provides) -> set[_Claim]:
    return {
        _Claim(kind.field, f"{kind.noun} URL scheme", scheme)
        for kind in KINDS
        for spec in getattr(provides, kind.field)
        for scheme in schemes_of(spec)
    }


def _without_names(provides: Provides, claims: set[_Claim]) -> Provides:
    lost = {(claim.field, claim.word) for claim in claims}
    kept: dict[str, Any] = {
        kind.field: tuple(
            spec for spec in getattr(provides, kind.field) if (kind.field, spec.name) not in lost
        )
        for kind in KINDS
    }
    return Provides(**kept)


def _without_schemes(provides: Provides, claims: set[_Claim]) -> Provides:
    changed: dict[str, Any] = {}
    for field in {claim.field for claim in claims}:
        lost = {claim.word for claim in claims if claim.field == field}
        changed[field] = tuple(
            replace(spec, schemes=tuple(scheme for scheme in spec.schemes if scheme not in lost))
            for spec in getattr(provides, field)
        )
    return replace(provides, **changed)


def _winner(word: str, distributions: Sequence[str], prefer: Preferences) -> str | None:
    """The rival that the project prefers, if there is exactly one."""
    preferred = _preferred(word, prefer)
    if preferred is None:
        return None
    matching = [name for name in distributions if canonical(name) == canonical(preferred)]
    return matching[0] if len(matching) == 1 else None


def _preferred(word: str, prefer: Preferences) -> str | None:
    return next((name for key, name in prefer.items() if canonical(key) == canonical(word)), None)


def _passed_over(candidate: Candidate, winner: str) -> PluginInfo:
    return candidate.info(
        PluginStatus.DISABLED,
        reason=f"`prefer` gives the plugin name {candidate.name!r} to {winner}",
        cure="Change `prefer` of [tool.taskiq] in pyproject.toml, or uninstall one of them.",
    )


def _cure(word: str, distributions: Sequence[str], prefer: Preferences) -> str:
    preferred = _preferred(word, prefer)
    remark = f" ({preferred!r}, which it names now, is not one of them)" if preferred else ""
    return (
        "Say who wins in pyproject.toml: "
        f'[tool.taskiq] prefer = {{ "{word}" = "{distributions[0]}" }}'
        f"{remark}, or do without one of them: TASKIQ_DISABLE_PLUGINS={distributions[-1]}"
    )


def _listed(distributions: Sequence[str]) -> str:
    return " and ".join(distributions)


def _joined(separator: str, *parts: str) -> str:
    return separator.join(part for part in parts if part)


def _key(plugin: PluginInfo) -> _PluginKey:
    return plugin.name, plugin.distribution

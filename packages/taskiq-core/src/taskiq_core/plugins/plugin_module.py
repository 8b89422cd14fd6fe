"""The module of one plugin: imported, checked, and asked for what the plugin provides.

Every exception of the module or its hooks, `SystemExit` included, is caught here and becomes the
reason why that plugin is broken. A plugin takes part with everything it provides or not at all.
"""

import re
import reprlib
import traceback
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from pluggy import PluginManager

from taskiq_core.plugins import hooks
from taskiq_core.plugins.discovery import Candidate
from taskiq_core.plugins.hooks import PLUGIN_API_VERSION, PROJECT
from taskiq_core.plugins.plugin_info import KINDS, Kind, PluginInfo, PluginStatus, Provides
from taskiq_core.plugins.specs import InstallCure, PreloadModule, schemes_of

_T = TypeVar("_T")
_Answers: TypeAlias = tuple[Provides, tuple[InstallCure, ...], tuple[PreloadModule, ...]]
_DECLARATION: Final = "TASKIQ_PLUGIN_API"
_HOOK_PREFIX: Final = "taskiq_register_"
_INSTALL_CURES_HOOK: Final = "taskiq_register_install_cures"
_PRELOAD_HOOK: Final = "taskiq_register_preload_modules"
_MODULE: Final = re.compile(r"[\w.]+\s*(?::\s*[\w.]+\s*)?(?:\[.*\])?\s*")


class _RejectedError(Exception):
    """Ends the loading of one plugin."""

    def __init__(
        self,
        reason: str,
        *,
        status: PluginStatus = PluginStatus.BROKEN,
        cure: str | None = None,
        details: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason, self.status, self.cure, self.details = reason, status, cure, details


def load_plugin(candidate: Candidate) -> PluginInfo:
    """Import a plugin and ask it what it provides; never raises what the plugin raises."""
    try:
        plugin = _import(candidate)
        _check_api(plugin, candidate)
        _guarded("reading its hooks", lambda: _check_marks(plugin))
        provides, cures, preload_modules = _answers(plugin, candidate.name)
    except _RejectedError as rejected:
        return candidate.info(
            rejected.status,
            reason=rejected.reason,
            cure=rejected.cure or _general_cure(candidate),
            details=rejected.details,
        )
    return PluginInfo(
        candidate.name,
        candidate.distribution,
        candidate.version,
        provides=provides,
        install_cures=cures,
        preload_modules=preload_modules,
    )


def describe(error: BaseException) -> str:
    """An exception in one line, even if it can't say what it is."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001  # a plugin's exception class may be broken, too
        lines = []
    name = type(error).__name__
    return f"{name}: {lines[0]}" if lines else name


def _import(candidate: Candidate) -> object:
    value = candidate.entry_point.value
    if not _MODULE.fullmatch(value):
        raise _RejectedError(f"its entry point {value!r} does not have the form 'package.module'")
    return _guarded(f"importing {value}", candidate.entry_point.load)


def _check_api(plugin: object, candidate: Candidate) -> None:
    declared = _guarded(f"reading {_DECLARATION}", lambda: getattr(plugin, _DECLARATION, None))
    ours = PLUGIN_API_VERSION
    if declared is None:
        raise _incompatible(f"it does not declare {_DECLARATION}", _declare(candidate))
    if not _is_version(declared):
        reason = f"its {_DECLARATION} is {reprlib.repr(declared)}, not two numbers such as {ours}"
        raise _incompatible(reason, _declare(candidate))
    major, minor = declared
    if major == ours[0] and minor <= ours[1]:
        return
    reason = (
        f"it is written for version {major}.{minor} of the plugin API, "
        f"and this taskiq-core has {ours[0]}.{ours[1]}"
    )
    to_upgrade = "taskiq-core" if (major, minor) > ours else candidate.distribution
    raise _incompatible(reason, f"pip install --upgrade {to_upgrade}")


def _is_version(value: object) -> bool:
    return isinstance(value, tuple) and [type(part) for part in value] == [int, int]


def _incompatible(reason: str, cure: str) -> _RejectedError:
    return _RejectedError(reason, status=PluginStatus.INCOMPATIBLE, cure=cure)


def _declare(candidate: Candidate) -> str:
    return (
        f"`{_DECLARATION} = {PLUGIN_API_VERSION}` belongs into {candidate.entry_point.value}. "
        f"A newer version may have it: pip install --upgrade {candidate.distribution}"
    )


def _check_marks(plugin: object) -> None:
    """Raise for a hook without its mark, which pluggy would ignore silently."""
    hooks_of_plugin = [name for name in dir(plugin) if name.startswith(_HOOK_PREFIX)]
    for name in hooks_of_plugin:
        if not hasattr(getattr(plugin, name), f"{PROJECT}_impl"):
            raise _RejectedError(f"{name} is not marked with @hookimpl")


def _answers(plugin: object, name: str) -> _Answers:
    # A manager for each plugin: no hook of one, wrappers included, ever sees another.
    manager = PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    _guarded("reading its hooks", lambda: manager.register(plugin, name))
    _guarded("reading its hooks", manager.check_pending)
    provides = Provides(**{kind.field: _specs(manager, kind) for kind in KINDS})
    cures = _ask(manager, _INSTALL_CURES_HOOK, InstallCure)
    return provides, cures, _ask(manager, _PRELOAD_HOOK, PreloadModule)


def _specs(manager: PluginManager, kind: Kind) -> tuple[Any, ...]:
    specs = _ask(manager, kind.hook, kind.spec)
    _check_unique([spec.name for spec in specs], f"the {kind.noun}")
    _check_unique([s for spec in specs for s in schemes_of(spec)], f"the {kind.noun} URL scheme")
    return specs


def _ask(manager: PluginManager, name: str, item_type: type) -> tuple[Any, ...]:
    hook = getattr(manager.hook, name)
    answers = _guarded(f"{name}()", hook) if hook.get_hookimpls() else []
    for answer in answers:
        _check_answer(answer, name, item_type)
    return tuple(item for answer in answers for item in answer)


def _check_answer(answer: object, hook: str, item_type: type) -> None:
    expected = f"a list of {item_type.__name__}"
    if not isinstance(answer, list | tuple):
        raise _RejectedError(f"{hook}() returned {reprlib.repr(answer)}, not {expected}")
    for item in answer:
        if not isinstance(item, item_type):
            found = f"a list with {reprlib.repr(item)}"
            raise _RejectedError(f"{hook}() returned {found}, not {expected}")


def _check_unique(words: list[str], what: str) -> None:
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise _RejectedError(f"it provides {what} {twice[0]!r} twice")


def _guarded(action: str, call: Callable[[], _T]) -> _T:
    try:
        return call()
    except _RejectedError:
        raise
    except (Exception, SystemExit) as error:  # one plugin is isolated from the rest
        details = "".join(traceback.format_exception(error))
        raise _RejectedError(f"{action} raised {describe(error)}", details=details) from error


def _general_cure(candidate: Candidate) -> str:
    return (
        f"Update it (pip install --upgrade {candidate.distribution}), uninstall it, "
        f"or do without it: TASKIQ_DISABLE_PLUGINS={candidate.name}"
    )

"""The lazy targets of descriptors, imported when they are asked for."""

from functools import reduce
from importlib import import_module

from taskiq_core.plugins.errors import PluginTargetError
from taskiq_core.plugins.plugin_info import PluginInfo, kind_of
from taskiq_core.plugins.plugin_module import describe
from taskiq_core.plugins.specs import Spec, target_of


def import_target(target: str) -> object:
    """Import the object that `"package.module:Name"` means. Errors of the import are raised."""
    module_name, _, path = target.partition(":")
    return reduce(getattr, path.split("."), import_module(module_name))


def resolve_target(spec: Spec, plugin: PluginInfo) -> object:
    """Import the target of a descriptor.

    Raises:
        PluginTargetError: it can't be imported; says whose it is and what to do.
    """
    target = target_of(spec)
    try:
        return import_target(target)
    except (Exception, SystemExit) as error:  # one plugin is isolated from the rest
        reason = f"importing {target} raised {describe(error)}"
        raise target_error(spec, plugin, reason) from error


def target_error(spec: Spec, plugin: PluginInfo, reason: str) -> PluginTargetError:
    """Make the error about a target that can't be used.

    Args:
        spec: has the target.
        plugin: the plugin that registered it.
        reason: why it can't be used.
    """
    return PluginTargetError(
        wanted=f"{kind_of(spec).noun} {spec.name!r}",
        plugin=plugin.name,
        distribution=plugin.distribution,
        version=plugin.version,
        reason=reason,
        cure=(
            "Bring it and what it depends on up to date: "
            f"pip install --upgrade {plugin.distribution}"
        ),
    )

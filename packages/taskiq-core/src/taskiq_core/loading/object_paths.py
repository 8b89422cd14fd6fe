"""Paths of objects, `module:object`."""

import os
from pathlib import Path

from taskiq_core.loading.errors import ObjectPathError
from taskiq_core.plugins.redaction import redacted, secrets_in


def split_path(object_spec: str) -> tuple[str, str]:
    """Split a path into its module and its attribute.

    Raises:
        ObjectPathError: it is not of the form module:object.
    """
    module, colon, attribute = object_spec.partition(":")
    is_file = os.sep in module or module.endswith(".py")
    if colon and module and not is_file and all(map(str.isidentifier, attribute.split("."))):
        return module, attribute
    hint = ""
    if attribute.startswith("//"):
        hint = " A URL is for broker_from_url, in a module of yours: give the path of that broker."
    elif is_file:
        dotted = ".".join(Path(module).with_suffix("").parts).lstrip("./")
        hint = f" Modules are named as in an import: {dotted}:{attribute or 'broker'}"
    elif not colon and "." in module:
        hint = f" Did you mean {':'.join(module.rsplit('.', 1))!r}?"
    secrets = secrets_in(object_spec)
    raise ObjectPathError(spec=redacted(object_spec, secrets), hint=redacted(hint, secrets))

"""Brokers and result backends from URLs, through the schemes that plugins declare."""

import os
from typing import Any, Final

from taskiq_core.abc.result_backend import AsyncResultBackend
from taskiq_core.broker import AsyncBroker
from taskiq_core.exceptions import TaskiqError
from taskiq_core.loggers import get_logger
from taskiq_core.plugins.errors import BrokerUrlError
from taskiq_core.plugins.loader import load_project_plugins
from taskiq_core.plugins.plugin_info import kind_of
from taskiq_core.plugins.redaction import redacted, secrets_in
from taskiq_core.plugins.registry import PluginRegistry
from taskiq_core.plugins.specs import BrokerSpec, ResultBackendSpec
from taskiq_core.plugins.variables import (
    BROKER_VARIABLE,
    RESULT_BACKEND_VARIABLE,
    misspelt_variables,
)

logger = get_logger(__name__)

EMBEDDED_URL: Final = "sqlite:///taskiq.db"
"""What both use where nothing is said: a file in the folder that the process was started in."""


def broker_from_url(
    url: str | None = None, /, *, plugins: PluginRegistry | None = None, **options: Any
) -> AsyncBroker:
    """The broker that a URL names, so that one variable moves a program from laptop to cluster.

    Args:
        url: such as `redis://localhost:6379/0`; by default the environment's `TASKIQ_BROKER_URL`,
            or else `sqlite:///taskiq.db`: a file in the folder that the process was started in, so
            that a program and its workers must be started in the same one.
        plugins: where its scheme is looked up; by default all that are installed, as the project's
            pyproject.toml configures it.
        options: for the broker's `from_url`.

    Raises:
        BrokerUrlError: the URL can't be used.
        NotProvidedError: no plugin that takes part has its scheme; says why.
        PluginTargetError: the broker can't be imported.
    """
    url = url if url is not None else default_broker_url()
    plugins = plugins if plugins is not None else load_project_plugins()
    spec = plugins.broker_for_url(url)
    broker = _make(plugins, spec, url, options)
    if not isinstance(broker, AsyncBroker):
        raise plugins.reject(
            spec, f"{spec.factory} made {type(broker).__name__}, not an AsyncBroker"
        )
    return broker


def result_backend_from_url(
    url: str | None = None, /, *, plugins: PluginRegistry | None = None, **options: Any
) -> AsyncResultBackend[Any]:
    """The result backend that a URL names: `TASKIQ_RESULT_BACKEND_URL` by default, or else SQLite.

    Arguments and errors are those of `broker_from_url`.
    """
    url = url if url is not None else default_result_backend_url()
    plugins = plugins if plugins is not None else load_project_plugins()
    spec = plugins.result_backend_for_url(url)
    backend = _make(plugins, spec, url, options)
    if not isinstance(backend, AsyncResultBackend):
        made = f"{spec.factory} made {type(backend).__name__}, not an AsyncResultBackend"
        raise plugins.reject(spec, made)
    return backend


def default_broker_url() -> str:
    """The broker's URL where a program gives none: the one place that decides it."""
    return _from_environment(BROKER_VARIABLE)


def default_result_backend_url() -> str:
    """The result backend's URL where a program gives none."""
    return _from_environment(RESULT_BACKEND_VARIABLE)


def _from_environment(variable: str) -> str:
    url = os.environ.get(variable, "").strip()
    if url:
        return url
    for name, meant in misspelt_variables(os.environ).items():
        if meant == variable:
            logger.warning(
                "%s is used, as %s is not set. Is %s misspelt?", EMBEDDED_URL, variable, name
            )
    return EMBEDDED_URL


def _make(
    plugins: PluginRegistry,
    spec: BrokerSpec | ResultBackendSpec,
    url: str,
    options: dict[str, Any],
) -> object:
    factory: Any = plugins.resolve(spec)
    make = getattr(factory, "from_url", factory)
    if not callable(make):
        raise plugins.reject(spec, f"{spec.factory} is {factory!r}, which can't be called")
    secrets = secrets_in(url)
    try:
        made: object = make(url, **options)
    except Exception as error:
        is_ours = isinstance(error, TaskiqError) or not isinstance(error, ValueError)
        if is_ours and not _tells(error, secrets):
            raise
        reason = redacted(f"{type(error).__name__}: {error}", secrets)
    else:
        return made
    # Raised here, outside of the handler, so that no chained traceback shows the secret either.
    raise BrokerUrlError(noun=kind_of(spec).noun, reason=reason)


def _tells(error: BaseException | None, secrets: frozenset[str]) -> bool:
    """Whether an exception, or one of its causes, has a secret in its text."""
    while error is not None:
        text = f"{error} {error!r}"
        if any(secret in text for secret in secrets):
            return True
        error = error.__cause__ or error.__context__
    return False

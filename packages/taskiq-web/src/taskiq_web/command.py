"""`taskiq web`: serve a dashboard of a broker."""

import asyncio
import ipaddress
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from taskiq_web.errors import WebStartError

if TYPE_CHECKING:
    from taskiq_core.abc.schedule_source import ScheduleSource
    from taskiq_core.broker import AsyncBroker
    from taskiq_web.access import Action, Resolver
    from taskiq_web.options import DashboardOptions

TOKEN_VARIABLE: Final = "TASKIQ_WEB_TOKEN"  # noqa: S105  # its name
USER_VARIABLE: Final = "TASKIQ_WEB_USER"
PASSWORD_VARIABLE: Final = "TASKIQ_WEB_PASSWORD"  # noqa: S105  # its name
BROKER_VARIABLE: Final = "TASKIQ_BROKER_URL"
_LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.argument("arguments", nargs=-1, metavar="[BROKER_PATH] [MODULES]...")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="Listen at this address.")
@click.option("--port", metavar="PORT", type=click.IntRange(0, 65535), default=8765)
@click.option("--read-only", is_flag=True, help="Let no viewer change anything.")
@click.option(
    "--allow-run",
    is_flag=True,
    help="Let viewers run tasks, edit dead letters and add schedules, with arguments they type.",
)
@click.option("--scheduler", metavar="PATH", help="Show its schedules, as app.tkq:scheduler.")
@click.option("--title", default="taskiq", help="What the dashboard is called.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0.2),
    default=2.0,
    help="Between two looks at the broker, while a viewer is there.",
)
@click.option(
    "--trace-url", metavar="URL", default="", help="Address of a trace, with {trace_id} in it."
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    help="A name that the dashboard is reached under; may be given several times.",
)
@click.option("--root-path", metavar="PATH", default="", help="Of a proxy that removes it.")
@click.option("--app-dir", "-d", metavar="FOLDER", help="Import the application from here.")
@click.option(
    "--tasks-pattern",
    "-tp",
    metavar="GLOB",
    multiple=True,
    default=("**/tasks.py",),
    help="Files that --fs-discover imports; may be given several times.",
)
@click.option(
    "--fs-discover", "-fsd", is_flag=True, help="Import the modules that match --tasks-pattern."
)
def web(
    arguments: tuple[str, ...],
    *,
    host: str,
    port: int,
    app_dir: str | None,
    tasks_pattern: tuple[str, ...],
    fs_discover: bool,
    scheduler: str | None,
    root_path: str,
    **options: Any,
) -> None:
    """Serve a dashboard of a broker, and print its URL.

    BROKER_PATH is that of `taskiq worker`, or the URL of a broker, such as sqlite:///tasks.db.
    Without it, pyproject.toml or TASKIQ_BROKER_URL says which broker is meant.

    The dashboard asks for the token in the URL that is printed, a new one each time unless
    TASKIQ_WEB_TOKEN has one; or for TASKIQ_WEB_USER and TASKIQ_WEB_PASSWORD, see `--host`. On an
    address that other machines reach it starts only with one of them.
    """
    path, modules = _broker_and_modules(arguments)
    made = _options(host, **options)
    resolver, token = _resolver(host, made.actions)
    patterns = tasks_pattern if fs_discover else ()
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        asyncio.set_event_loop(loop)  # for libraries that ask for it when they are imported
        broker = _load(path, modules, app_dir, patterns, loop.run_until_complete)
        if broker.private_to_process:
            raise WebStartError(reason=f"{type(broker).__name__}: {broker.private_to_process}")
        sources = _sources(scheduler, loop.run_until_complete)
        from taskiq_web.application import dashboard
        from taskiq_web.serve import Address, serve

        app = dashboard(broker, resolver=resolver, options=made, schedule_sources=sources)
        runner.run(serve(app, Address(host, port, root_path, token)))


def _broker_and_modules(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    from taskiq_core.plugins import read_settings

    if arguments and ":" in arguments[0]:
        return arguments[0], arguments[1:]
    found = read_settings().broker or os.environ.get(BROKER_VARIABLE, "").strip()
    if not found:
        raise click.UsageError(
            "Which broker? Give its path, such as app.tkq:broker, or its URL, such as "
            f"sqlite:///tasks.db; or set {BROKER_VARIABLE}."
        )
    return found, arguments


def _load(
    path: str,
    modules: tuple[str, ...],
    app_dir: str | None,
    patterns: tuple[str, ...],
    run: Callable[[Awaitable[Any]], Any],
) -> "AsyncBroker":
    from taskiq_core.loading.brokers import load_broker
    from taskiq_core.loading.objects import extend_import_path
    from taskiq_core.loading.task_modules import import_tasks
    from taskiq_core.plugins import broker_from_url

    extend_import_path(app_dir)
    broker = broker_from_url(path) if "://" in path else load_broker(path, run)
    import_tasks(list(modules), patterns, fs_discover=bool(patterns))
    # A misspelt URL is an error, not a new and empty queue.
    broker.may_create = broker.result_backend.may_create = False
    return broker


def _sources(scheduler: str | None, run: Callable[[Awaitable[Any]], Any]) -> "list[ScheduleSource]":
    if scheduler is None:
        return []
    from taskiq_core.abc.schedule_source import ScheduleSource
    from taskiq_core.loading.factories import call_factory
    from taskiq_core.loading.objects import import_object

    found = import_object(scheduler)
    if callable(found) and not hasattr(found, "sources"):
        found = call_factory(scheduler, found, product="scheduler", run=run)
    sources = getattr(found, "sources", [found])
    if not all(isinstance(source, ScheduleSource) for source in sources):
        reason = f"{scheduler} is neither a scheduler nor a schedule source."
        raise WebStartError(reason=reason)
    return list(sources)


def _options(
    host: str, *, allow_run: bool, allowed_hosts: tuple[str, ...], **options: Any
) -> "DashboardOptions":
    from taskiq_web.access import UNTYPED, Action
    from taskiq_web.options import DashboardOptions

    hosts = [name.lower() for name in allowed_hosts]
    names = {*hosts, *_LOCAL_NAMES, host.lower()} if hosts or _is_loopback(host) else None
    actions = frozenset(Action) if allow_run else UNTYPED
    try:
        return DashboardOptions(actions=actions, allowed_hosts=names, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _resolver(host: str, actions: "frozenset[Action]") -> "tuple[Resolver, str]":
    """Return who may come in, and the token to print; empty where there is none."""
    from taskiq_web.credentials import basic_access, token_access

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    user, password = (os.environ.get(name, "") for name in (USER_VARIABLE, PASSWORD_VARIABLE))
    if bool(user) != bool(password):
        raise click.UsageError(f"{USER_VARIABLE} and {PASSWORD_VARIABLE} go together.")
    if user and token:
        raise click.UsageError(f"Give either {TOKEN_VARIABLE} or {USER_VARIABLE}, not both.")
    if user:
        return basic_access({user: password}, actions=actions), ""
    if not token and not _is_loopback(host):
        raise click.UsageError(
            f"Others reach {host}: set {TOKEN_VARIABLE}, or {USER_VARIABLE} and "
            f"{PASSWORD_VARIABLE}, and put a proxy with TLS before it."
        )
    try:
        made = token or secrets.token_urlsafe(24)
        return token_access(made, actions=actions), made
    except ValueError as error:
        raise click.UsageError(f"{TOKEN_VARIABLE}: {error}.") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

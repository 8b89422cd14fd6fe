"""Routes: pages and actions as HTTP, each checked in the same way."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from taskiq_core.exceptions import CapabilityError, TaskArgumentError, TaskiqError
from taskiq_core.loggers import get_logger
from taskiq_core.plugins.redaction import without_credentials
from taskiq_web.access import Access
from taskiq_web.actions import dead_letters as letter_actions
from taskiq_web.actions import queues as queue_actions
from taskiq_web.actions import schedules as schedule_actions
from taskiq_web.actions import tasks as task_actions
from taskiq_web.actions.availability import reason_against, reasons_against
from taskiq_web.actions.form import ActionForm
from taskiq_web.actions.outcome import ActionOutcome, ActionRequest, ActionRoute
from taskiq_web.audit import AuditEntry
from taskiq_web.errors import RequestRefusedError
from taskiq_web.http.bodies import read_fields
from taskiq_web.http.events import event_stream
from taskiq_web.http.guard import access_of
from taskiq_web.http.responses import JSONAnswer, refusal, wants_json
from taskiq_web.pages import (
    dead_letters,
    installation,
    metrics,
    overview,
    queues,
    schedules,
    task,
    tasks,
    workers,
)
from taskiq_web.pages.page import Page
from taskiq_web.pages.plugin_pages import plugin_pages
from taskiq_web.render.templates import render
from taskiq_web.state import DashboardState, PageRequest

logger = get_logger(__name__)

PAGES: Final = (
    *overview.PAGES,
    *queues.PAGES,
    *task.PAGES,
    *dead_letters.PAGES,
    *workers.PAGES,
    *schedules.PAGES,
    *tasks.PAGES,
    *metrics.PAGES,
    *installation.PAGES,
)
ACTIONS: Final = (
    *queue_actions.ROUTES,
    *letter_actions.ROUTES,
    *task_actions.ROUTES,
    *schedule_actions.ROUTES,
)
DONE: Final = "done"
"""Parameter of a page that an action leads to: the number of its entry in the audit."""
MAX_QUERY: Final = 8_000
"""Characters of a query."""

_Endpoint = Callable[[Request], Awaitable[Response]]


def routes_of(state: DashboardState) -> list[Route]:
    """Return the routes of a dashboard, those of plugins' pages included."""
    pages = [*PAGES, *plugin_pages(state.registry)]
    found = [
        Route(f"/{page.path}", _page_endpoint(state, page, pages), methods=["GET"])
        for page in pages
    ]
    found += [
        Route(f"/{action.path}", _action_endpoint(state, action), methods=["POST"])
        for action in ACTIONS
    ]

    async def events(request: Request) -> Response:
        return event_stream(request, state.feed)

    return [*found, Route("/events", _guarded(events), methods=["GET"])]


def _page_endpoint(state: DashboardState, page: Page, pages: Sequence[Page]) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        if len(request.url.query) > MAX_QUERY:
            raise RequestRefusedError(status=414, reason="That is too much of a query.")
        access = access_of(request)
        query = dict(request.query_params)
        done = query.pop(DONE, "")
        asked = PageRequest(state, access, query)
        async with asyncio.timeout(state.options.read_timeout):
            data = await state.reads.get(_key(page, query, access), lambda: page.read(asked))
        if wants_json(request):
            return JSONAnswer(data)
        return _html(request, page, pages, asked, data, _notice(state, access, done))

    return _guarded(endpoint)


def _key(page: Page, query: Mapping[str, str], access: Access) -> tuple[str, ...]:
    """What makes one viewer's page differ from another's, as a hash: queries may be long."""
    rights = (sorted(access.actions), sorted(access.masked_names), access.masks_content)
    facts = (sorted(query.items()), rights)
    digest = hashlib.blake2b(repr(facts).encode(errors="replace")).hexdigest()
    return ("page", page.path, digest)


def _html(
    request: Request,
    page: Page,
    pages: Sequence[Page],
    asked: PageRequest,
    data: Mapping[str, Any],
    notice: AuditEntry | None,
) -> Response:
    state, root = asked.state, request.scope.get("root_path", "")
    query = urlencode(asked.query, errors="replace")
    values = {
        **data,
        "root": root,
        "here": f"{root}/{page.path}{'?' if query else ''}{query}",
        "page_path": page.path,
        "heading": page.title,
        "section": page.path if page.section is None else page.section,
        "menu": [each for each in pages if each.menu],
        "is_live": page.is_live,
        "title": state.options.title,
        "access": asked.access,
        "reasons": reasons_against(state.broker, asked.access, state.options),
        "notice": notice,
    }
    return HTMLResponse(render(page.template, **values))


def _notice(state: DashboardState, access: Access, number: str) -> AuditEntry | None:
    """Return what the viewer has done just now; nobody else can have it shown by a link."""
    if not number.isascii() or not number.isdigit() or len(number) > 12:  # noqa: PLR2004
        return None
    entry = state.audit.find(int(number))
    return entry if entry is not None and entry.viewer == access.name else None


def _action_endpoint(state: DashboardState, route: ActionRoute) -> _Endpoint:
    async def endpoint(request: Request) -> Response:
        access = access_of(request)
        fields = await read_fields(request)
        target = fields.get("task_id") or fields.get("letter_id") or fields.get("schedule_id")
        target = target or fields.get("queue") or fields.get("name") or "-"
        try:
            _check_allowed(state, route, access)
            form = ActionForm(fields)
            async with asyncio.timeout(state.options.read_timeout):
                outcome = await route.perform(ActionRequest(state, access, form))
        except Exception as error:
            text = f"refused: {_sentence(error)}"
            state.audit.add(
                access.name, route.path, target[:200], count=0, is_done=False, text=text
            )
            raise
        finally:
            # Whatever came of it, even a time-out: what was read before may be wrong now.
            state.reads.forget()
            state.feed.notify()
        return _answer(state, request, route, access, outcome)

    return _guarded(endpoint)


def _check_allowed(state: DashboardState, route: ActionRoute, access: Access) -> None:
    reason = reason_against(route.action, state.broker, access, state.options)
    if reason:
        raise RequestRefusedError(status=403, reason=reason)


def _answer(
    state: DashboardState,
    request: Request,
    route: ActionRoute,
    access: Access,
    outcome: ActionOutcome,
) -> Response:
    entry = state.audit.add(
        access.name,
        route.path,
        outcome.target[:200],
        count=outcome.count,
        is_done=outcome.is_done,
        text=outcome.text,
    )
    if wants_json(request):
        status = 200 if outcome.is_done else 409
        return JSONAnswer({"text": outcome.text, "count": outcome.count}, status_code=status)
    root = request.scope.get("root_path", "")
    separator = "&" if "?" in outcome.page else "?"
    url = f"{root}/{outcome.page}{separator}{DONE}={entry.number}"
    return RedirectResponse(url, status_code=303)


def _guarded(endpoint: _Endpoint) -> _Endpoint:
    """Turn what an endpoint raises into an answer that says what is wrong."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RequestRefusedError as error:
            return refusal(request, error)
        except Exception as error:  # noqa: BLE001  # the store is away, or a plugin's page fails
            return refusal(request, _explained(error))

    return guarded


def _explained(error: Exception) -> RequestRefusedError:
    if isinstance(error, TimeoutError):
        reason = "The broker did not answer in time."
        return RequestRefusedError(status=504, reason=reason)
    if isinstance(error, TaskArgumentError):
        return RequestRefusedError(status=422, reason=_sentence(error))
    if isinstance(error, CapabilityError):
        return RequestRefusedError(status=501, reason=_sentence(error))
    logger.warning("A request to the dashboard failed: %s", _sentence(error), exc_info=error)
    return RequestRefusedError(status=503, reason=f"That did not work: {_sentence(error)}")


def _sentence(error: Exception) -> str:
    if isinstance(error, TaskiqError):
        return without_credentials(str(error))
    return without_credentials(f"{type(error).__name__}: {error}")

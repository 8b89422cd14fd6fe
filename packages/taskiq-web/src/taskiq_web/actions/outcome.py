"""ActionRequest and ActionOutcome: what an action gets, and what it returns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from taskiq_web.access import Access, Action
from taskiq_web.actions.form import ActionForm
from taskiq_web.state import DashboardState


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What a viewer wants to be done.

    Attributes:
        state: of the dashboard.
        access: of the viewer.
        form: what the viewer has typed.
    """

    state: DashboardState
    access: Access
    form: ActionForm


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """What came of it.

    Attributes:
        target: of which queue, task, letter or schedule.
        text: a sentence for the viewer.
        count: how many things were changed.
        is_done: whether it was done.
        page: where the viewer goes on, below the dashboard's root.
    """

    target: str
    text: str
    page: str
    count: int = 1
    is_done: bool = True


Perform: TypeAlias = Callable[[ActionRequest], Awaitable[ActionOutcome]]


@dataclass(frozen=True, slots=True)
class ActionRoute:
    """An action, and where it is asked for.

    Attributes:
        path: below the dashboard's root, for POST requests.
        action: what the viewer needs to be allowed.
        perform: does it.
    """

    path: str
    action: Action
    perform: Perform

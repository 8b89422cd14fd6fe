"""Bounds of exceptions that hang together: groups, causes and contexts, which may be millions."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

MAX_DEPTH: Final = 16
"""How deep causes, contexts and members of groups are followed."""
MAX_EXCEPTIONS: Final = 100
"""How many exceptions are kept of one that a task raised, itself included."""
MAX_TEXT: Final = 250_000
"""How many characters of their messages, notes and attributes are kept, all together."""


class RemoteTraceback(Exception):  # noqa: N818  # shown as a cause, never raised
    """The traceback text of another process, shown as the cause of what came from it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


@dataclass(slots=True)
class ExceptionNode:
    """An exception, and those kept that hang on it.

    Attributes:
        left_out: how many that hang on it directly are not kept.
    """

    error: BaseException
    parent: "ExceptionNode | None" = None
    depth: int = 0
    cause: "ExceptionNode | None" = None
    context: "ExceptionNode | None" = None
    members: "list[ExceptionNode]" = field(default_factory=list)
    left_out: int = 0


class TextBudget:
    """Cuts texts so that all together are bounded.

    Args:
        left: how many characters may still be kept.
    """

    def __init__(self, left: int = MAX_TEXT) -> None:
        self.left = left

    @property
    def is_used_up(self) -> bool:
        """Whether too little is left for another text."""
        return self.left < MAX_TEXT // 1000

    def cut(self, text: str) -> str:
        """The text, or its beginning with how much is left out.

        One takes at most half of what is left, so that others are seen, too.
        """
        kept = text[: max(0, self.left // 2)]
        self.left -= len(kept) + 1
        more = len(text) - len(kept)
        return f"{kept}... {more} more characters left out" if more else text


def left_out_text(count: int) -> str:
    """What is said in place of exceptions that are not kept."""
    return f"... {count} more exception{'s' if count > 1 else ''} left out"


def survey(error: BaseException) -> ExceptionNode:
    """The exceptions to keep, those next to `error` first."""
    root = ExceptionNode(error)
    queue = deque([root])
    count = 1
    while queue:
        node = queue.popleft()
        members = members_of(node.error)
        node.left_out = max(0, len(members) - MAX_EXCEPTIONS)
        for place, related in _related(node.error, members[:MAX_EXCEPTIONS]):
            if _is_on_the_way_to(node, related):
                continue
            if count >= MAX_EXCEPTIONS or node.depth >= MAX_DEPTH:
                node.left_out += 1
                continue
            count += 1
            child = ExceptionNode(related, node, node.depth + 1)
            queue.append(child)
            if place == "member":
                node.members.append(child)
            else:
                setattr(node, place, child)
    return root


def bounded(error: BaseException) -> BaseException:
    """The exception for a log; a copy of its beginning if it is too large to be formatted.

    Formatting is not bounded by the standard library: all that hangs together is walked.
    """
    root = survey(error)
    nodes = list(_walk(root))
    size = sum(len(safe_str(node.error)) + _notes_size(node.error) for node in nodes)
    if size <= MAX_TEXT and not any(node.left_out for node in nodes):
        return error
    return _copy(root, TextBudget())


def cause_of(error: BaseException) -> BaseException | None:
    """The cause that is an exception of the program."""
    return None if isinstance(error.__cause__, RemoteTraceback) else error.__cause__


def context_of(error: BaseException) -> BaseException | None:
    """The context, if it is shown."""
    # A shown cause hides the context, and an exception may be its own context's cause.
    hidden = cause_of(error) is not None or error.__suppress_context__
    return None if hidden else error.__context__


def members_of(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group."""
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def safe_str(error: BaseException) -> str:
    """What str says of an exception, or a text of its own if that fails."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # a task's own class may have any bug
        return f"<{type(error).__name__} whose str fails>"


def _related(
    error: BaseException, members: tuple[BaseException, ...]
) -> Iterator[tuple[str, BaseException]]:
    cause, context = cause_of(error), context_of(error)
    if cause is not None:
        yield "cause", cause
    if context is not None:
        yield "context", context
    for member in members:
        yield "member", member


def _is_on_the_way_to(node: ExceptionNode, error: BaseException) -> bool:
    """Whether this is a circle."""
    current: ExceptionNode | None = node
    while current is not None:
        if current.error is error:
            return True
        current = current.parent
    return False


def _walk(node: ExceptionNode) -> Iterator[ExceptionNode]:
    yield node
    for child in (node.cause, node.context, *node.members):
        if child is not None:
            yield from _walk(child)


def _notes_size(error: BaseException) -> int:
    return sum(len(str(note)) for note in getattr(error, "__notes__", ()))


def _copy(node: ExceptionNode, budget: TextBudget) -> BaseException:
    error, cls = node.error, type(node.error)
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    copy: BaseException
    if isinstance(error, BaseExceptionGroup) and node.members:
        message = budget.cut(error.message)
        members = [_copy(member, budget) for member in node.members]
        copy = type(cls.__name__, (BaseExceptionGroup,), names)(message, members)
    else:
        copy = type(cls.__name__, (_Copy,), names)(budget.cut(safe_str(error)))
    for note in getattr(error, "__notes__", ()):
        copy.add_note(budget.cut(str(note)))
        if budget.is_used_up:
            break
    if node.left_out:
        copy.add_note(left_out_text(node.left_out))
    copy.__cause__ = error.__cause__ if node.cause is None else _copy(node.cause, budget)
    copy.__context__ = None if node.context is None else _copy(node.context, budget)
    copy.__suppress_context__ = error.__suppress_context__
    return copy.with_traceback(error.__traceback__)


class _Copy(Exception):  # noqa: N818  # bears the name of another
    def __str__(self) -> str:
        text: Any = self.args[0]
        return str(text)

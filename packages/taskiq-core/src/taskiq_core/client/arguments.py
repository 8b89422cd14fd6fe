"""Arguments of a call, restored to what the function's annotations say."""

import inspect
from collections.abc import Callable, Collection
from typing import Any, Self, get_type_hints

from pydantic import ValidationError

from taskiq_core.exceptions import TaskArgumentValueError
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.typed_values import ValueAdapter, adapter_for, reason_of_mismatch


def parse_params(
    signature: inspect.Signature | None,
    type_hints: dict[str, Any],
    message: TaskiqMessage,
) -> None:
    """Restore a message's arguments in place; for receivers written for taskiq 0.13.

    Args:
        signature: of the function; None leaves the arguments as they are.
        type_hints: what the parameters are annotated with.
        message: the call.
    """
    if signature is not None:
        adapters = ArgumentAdapters(signature.parameters.values(), type_hints)
        adapters.restore(message.args, message.kwargs, task_name=message.task_name)


class ArgumentAdapters:
    """The adapters of a function's parameters, looked up once."""

    __slots__ = ("_named", "_positional", "_rest_named", "_rest_positional")

    def __init__(self, parameters: Collection[inspect.Parameter], hints: dict[str, Any]) -> None:
        self._positional: list[ValueAdapter | None] = []
        self._named: dict[str, ValueAdapter] = {}
        self._rest_positional: ValueAdapter | None = None
        self._rest_named: ValueAdapter | None = None
        for parameter in parameters:
            adapter = adapter_for(hints.get(parameter.name))
            match parameter.kind:
                case parameter.VAR_POSITIONAL:
                    self._rest_positional = adapter
                    continue
                case parameter.VAR_KEYWORD:
                    self._rest_named = adapter
                    continue
                case parameter.POSITIONAL_ONLY | parameter.POSITIONAL_OR_KEYWORD:
                    self._positional.append(adapter)
                case _:
                    pass
            if adapter is not None:
                self._named[parameter.name] = adapter

    @classmethod
    def of(cls, func: Callable[..., Any], *, without: Collection[str]) -> Self | None:
        """The adapters of a function; None if no annotation asks for any.

        Args:
            func: the function.
            without: parameters that no caller passes, because they are dependencies.
        """
        try:
            parameters = inspect.signature(func).parameters
            hints = get_type_hints(func)
        except (NameError, TypeError, ValueError, AttributeError):
            return None
        adapters = cls([p for p in parameters.values() if p.name not in without], hints)
        return adapters if adapters._any() else None

    def _any(self) -> bool:
        return bool(
            any(self._positional) or self._named or self._rest_positional or self._rest_named,
        )

    def restore(
        self, args: list[Any], kwargs: dict[str, Any], *, task_name: str, strict: bool = False
    ) -> None:
        """Restore the arguments of one call, in place.

        Args:
            args: by position.
            kwargs: by name.
            task_name: of the call, for warnings and errors.
            strict: whether a value that does not fit its annotation is refused; it is passed as it
                came otherwise.

        Raises:
            TaskArgumentValueError: a value is refused.
        """
        restore = _restore_strictly if strict else _restore
        known = len(self._positional)
        for index, value in enumerate(args):
            adapter = self._positional[index] if index < known else self._rest_positional
            if adapter is not None and type(value) is not adapter.exact:
                args[index] = restore(adapter, value, index + 1, task_name)
        for name, value in kwargs.items():
            adapter = self._named.get(name, self._rest_named)
            if adapter is not None and type(value) is not adapter.exact:
                kwargs[name] = restore(adapter, value, name, task_name)


def _restore(adapter: ValueAdapter, value: Any, argument: int | str, task_name: str) -> Any:
    return adapter.restore(value, what=f"argument {argument!r} of task {task_name}")


def _restore_strictly(
    adapter: ValueAdapter, value: Any, argument: int | str, task_name: str
) -> Any:
    try:
        return adapter.convert(value)
    except ValidationError as error:
        raise TaskArgumentValueError(
            task_name=task_name,
            argument=repr(argument),
            annotation=getattr(adapter.annotation, "__name__", str(adapter.annotation)),
            reason=reason_of_mismatch(error),
        ) from error

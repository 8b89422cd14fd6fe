"""TaskCall: a task that is sent with arguments from a request."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from taskiq_dependencies import DependencyGraph

from taskiq_core.client.arguments import ArgumentAdapters
from taskiq_core.client.call_signature import injected_parameters
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.exceptions import DuplicateKeyError, SendTaskError, TaskArgumentError


class TaskCall:
    """Sends a task with arguments that a stranger gives.

    A caller in the program may pass a dependency by name, a request may not: it could take the
    place of the user or the session that a dependency finds out.

    Args:
        task: which.
    """

    def __init__(self, task: AsyncTaskiqDecoratedTask[..., Any]) -> None:
        self._task = task
        self._injected = injected_parameters(DependencyGraph(task.original_func))
        self._adapters = ArgumentAdapters.of(task.original_func, without=self._injected)

    async def send(self, arguments: Mapping[str, Any]) -> str:
        """Send the task and return its id.

        Args:
            arguments: by name; values have to fit the annotations.

        Raises:
            HTTPException: 422 for wrong arguments, 409 for a unique key that is taken, 503 if the
                queue can't be reached.
        """
        if injected := sorted(self._injected & arguments.keys()):
            raise HTTPException(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{', '.join(injected)}: not an argument of {self._task.task_name!r}",
            )
        try:
            if self._adapters is not None:
                self._adapters.restore(
                    [], dict(arguments), task_name=self._task.task_name, strict=True
                )
            return (await self._task.kiq(**arguments)).task_id
        except TaskArgumentError as error:
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        except DuplicateKeyError as error:
            raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
        except SendTaskError as error:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE, "The queue can't be reached; try again later"
            ) from error

from typing import Any

import sentry_sdk

from taskiq import TaskiqMessage, TaskiqMiddleware, TaskiqResult


class Sentry(TaskiqMiddleware):
    """Reports what tasks raise, with the task's name and id."""

    def on_error(
        self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException
    ) -> None:
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("task_name", message.task_name)
            scope.set_context("task", {"id": message.task_id, "labels": message.labels})
            sentry_sdk.capture_exception(exception)

"""TaskiqResult: the outcome of a task."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_serializer

from taskiq_core.messages.exception_records import (
    ExceptionRepr,
    as_data,
    exception_from_record,
    exception_to_record,
)

_ReturnType = TypeVar("_ReturnType")


def _restored(value: Any) -> Exception:
    if isinstance(value, BaseException):
        return as_data(value)
    return exception_from_record(ExceptionRepr.model_validate(value))


class TaskiqResult(BaseModel, Generic[_ReturnType]):
    """The outcome of one task: its return value, or the exception it raised.

    Attributes:
        log: what the task logged, where a worker collects it.
        execution_time: seconds that the function ran.
        error: the exception, rebuilt from its record (`exception_records`); a stand-in for one that
            would end the program that raises it.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        ser_json_bytes="base64",
        ser_json_inf_nan="constants",
    )

    is_err: bool
    log: str | None = None
    return_value: _ReturnType
    execution_time: float
    labels: dict[str, Any] = Field(default_factory=dict)
    error: Annotated[BaseException, BeforeValidator(_restored)] | None = None

    def raise_for_error(self) -> Self:
        """Return the result itself, or raise the exception of the task.

        Raises:
            UnknownRemoteError: this process does not have the class of the exception; or it was
                `SystemExit`, `KeyboardInterrupt` or the like, which would end the caller.
        """
        if self.error is not None:
            raise as_data(self.error)
        return self

    @field_serializer("error")
    def serialize_error(self, value: BaseException | None) -> Any:
        """The exception as plain data."""
        return None if value is None else exception_to_record(value).model_dump()


# As in `message`: one is made for every task.
make_result: Callable[[dict[str, Any]], TaskiqResult[Any]]
make_result = TaskiqResult.__pydantic_validator__.validate_python

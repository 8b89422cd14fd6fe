"""The names by which plugins of taskiq's older releases use pydantic."""

from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter

_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)

IS_PYDANTIC2: Final = True
"""There is no other one any more."""


def parse_obj_as(annot: type[_T], obj: Any) -> _T:
    """The object as the type that the annotation says.

    Raises:
        pydantic.ValidationError: the value does not fit the annotation.
    """
    return TypeAdapter(annot).validate_python(obj)


def model_validate(model_class: type[_Model], message: dict[str, Any]) -> _Model:
    """A model of plain data."""
    return model_class.model_validate(message)


def model_validate_json(model_class: type[_Model], message: str | bytes | bytearray) -> _Model:
    """A model of JSON."""
    return model_class.model_validate_json(message)


def model_dump(instance: BaseModel) -> dict[str, Any]:
    """The plain data of a model."""
    return instance.model_dump()


def model_dump_json(instance: BaseModel) -> str:
    """The JSON of a model."""
    return instance.model_dump_json()

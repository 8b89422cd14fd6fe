"""The names by which older plugins use pydantic."""

from taskiq_core.compat.pydantic_names import (
    IS_PYDANTIC2,
    model_dump,
    model_dump_json,
    model_validate,
    model_validate_json,
    parse_obj_as,
)

__all__ = [
    "IS_PYDANTIC2",
    "model_dump",
    "model_dump_json",
    "model_validate",
    "model_validate_json",
    "parse_obj_as",
]

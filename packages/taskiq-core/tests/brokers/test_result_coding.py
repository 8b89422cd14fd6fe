"""Results as bytes: JSON, or what a serializer makes of them."""

from typing import Any

import pytest

from taskiq_core.brokers.result_coding import ResultCoding, fence_of
from taskiq_core.exceptions import ResultGetError
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.serializers.json_serializer import JSONSerializer


def result(value: Any = 1, **labels: Any) -> TaskiqResult[Any]:
    return TaskiqResult(
        is_err=False, return_value=value, execution_time=0.5, log="a line", labels=labels
    )


@pytest.mark.parametrize("coding", [ResultCoding(), ResultCoding(JSONSerializer())])
def test_a_result_comes_back(coding: ResultCoding) -> None:
    found = coding.loads(coding.dumps(result({"total": [1, None]}, queue="mail")), with_logs=True)

    assert found == result({"total": [1, None]}, queue="mail")


def test_logs_are_left_out_unless_they_are_wanted() -> None:
    coding = ResultCoding()

    assert coding.loads(coding.dumps(result()), with_logs=False).log is None


@pytest.mark.parametrize("body", [b"", b"{", b'{"is_err": 7}', b"\xff"])
def test_what_is_no_result_is_an_error_of_ours(body: bytes) -> None:
    for coding in (ResultCoding(), ResultCoding(JSONSerializer())):
        with pytest.raises(ResultGetError):
            coding.loads(body, with_logs=True)


def test_the_fence_of_a_result() -> None:
    assert fence_of(result()) is None
    assert fence_of(result(**{FENCE: "12"})) == 12

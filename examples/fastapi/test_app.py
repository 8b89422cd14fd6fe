from app import app, greet
from fastapi.testclient import TestClient

from taskiq_pytest import TestBroker


def test_an_order_is_sent(taskiq_broker: TestBroker) -> None:
    with TestClient(app) as client:
        answer = client.post("/tasks/greet", json={"name": "Ann"}, headers={"key": "a secret"})

    assert answer.status_code == 202
    taskiq_broker.assert_sent_with(greet, "Ann")

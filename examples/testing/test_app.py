from datetime import timedelta

from app import remind, send_mail, sign_up

from taskiq_pytest import TestBroker


async def test_a_new_user_gets_a_mail(taskiq_broker: TestBroker) -> None:
    await sign_up("ann@example.com")

    sent = taskiq_broker.assert_sent_with(send_mail, "ann@example.com", subject="Welcome!")
    assert sent.labels["max_retries"] == 3


async def test_a_new_user_is_reminded_after_a_week(taskiq_broker: TestBroker) -> None:
    await sign_up("ann@example.com")
    await taskiq_broker.advance(timedelta(days=6))
    taskiq_broker.assert_sent(send_mail, times=1)

    ran = await taskiq_broker.advance(timedelta(days=2))

    assert [task.task_name for task in ran] == [remind.task_name, send_mail.task_name]
    assert ran[-1].result.return_value == "Did you forget us? -> ann@example.com"

from flask import Flask, url_for

from taskiq import BlockingClient, broker_from_url

broker = broker_from_url()
client = BlockingClient(broker)
app = Flask(__name__)


@broker.task
def make_report(name: str) -> str:
    return f"the report on {name}"


@app.post("/reports/<name>")
def order(name: str) -> tuple[dict[str, str], int]:
    task = client.kiq(make_report, name)
    return {"task_id": task.task_id, "url": url_for("look", task_id=task.task_id)}, 202


@app.get("/reports/<task_id>")
def look(task_id: str) -> tuple[dict[str, str], int]:
    backend = broker.result_backend
    if not client.call(backend.is_result_ready(task_id)):
        return {"state": "not ready"}, 202
    return {"report": client.call(backend.get_result(task_id)).return_value}, 200

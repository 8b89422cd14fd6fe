from collections.abc import AsyncIterator

from aiohttp import web

import taskiq_aiohttp
from taskiq import TaskiqDepends, broker_from_url

GREETING = web.AppKey("GREETING", str)

broker = broker_from_url()  # TASKIQ_BROKER_URL, or else a file: sqlite:///taskiq.db
taskiq_aiohttp.init(broker, "app:app")


async def set_up(app: web.Application) -> AsyncIterator[None]:
    app[GREETING] = "Hello"  # in the server, and in each worker
    yield


@broker.task(task_name="greet")
async def greet(name: str, app: web.Application = TaskiqDepends()) -> str:
    return f"{app[GREETING]}, {name}!"


async def hello(request: web.Request) -> web.Response:
    task = await greet.kiq(request.match_info["name"])
    return web.json_response({"task_id": task.task_id}, status=202)


app = web.Application()
app.cleanup_ctx.append(set_up)
app.cleanup_ctx.append(taskiq_aiohttp.broker_context(broker))
app.add_routes([web.post("/hello/{name}", hello)])

if __name__ == "__main__":
    web.run_app(app)

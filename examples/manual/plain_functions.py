from taskiq import BlockingClient, InMemoryBroker

broker = InMemoryBroker()


@broker.task
async def greet(name: str) -> str:
    return f"Hello, {name}!"


client = BlockingClient(broker)


def view(name: str) -> str:
    """A view of Flask, a management command, a script: any plain function, in any thread."""
    task = client.kiq(greet, name)
    return task.wait_result(timeout=10).return_value


print(view("world"))
client.close()

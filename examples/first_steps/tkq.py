from taskiq import ZeroMQBroker

broker = ZeroMQBroker(
    zmq_pub_host="tcp://127.0.0.1:5555",  # the program that sends tasks listens here
    zmq_sub_host="tcp://127.0.0.1:5555",  # and its workers connect to it
)


@broker.task
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@broker.task
def count_words(text: str) -> dict[str, int]:
    """A plain function: it runs in a thread, so that it may block."""
    words = text.lower().split()
    return {word: words.count(word) for word in sorted(set(words))}

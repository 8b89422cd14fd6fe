from taskiq import broker_from_url

broker = broker_from_url()  # TASKIQ_BROKER_URL, or else a file: sqlite:///taskiq.db


@broker.task
async def greet(name: str) -> str:
    return f"Hello, {name}!"


@broker.task
def count_words(text: str) -> dict[str, int]:
    """A plain function: it runs in a thread, so that it may block."""
    words = text.lower().split()
    return {word: words.count(word) for word in sorted(set(words))}

"""The queue: what is sent, fetched, settled, delayed, aborted and administered."""

"""The queue: its messages in streams, and what becomes of them."""

"""Public names of taskiq 0.13 that only old programs use; nothing here imports them."""

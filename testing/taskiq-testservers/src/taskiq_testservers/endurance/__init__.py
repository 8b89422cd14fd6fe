"""A worker that serves mixed traffic for long has at the end what it had at the start."""

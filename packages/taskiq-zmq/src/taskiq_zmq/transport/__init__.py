"""ZeroMQ sockets on an event loop: addresses, keys, options and connection events."""

"""The server: addresses, connections, channels, what is published."""

"""What talks to the server: connections, the schema, notifications, transactions."""

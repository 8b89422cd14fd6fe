"""The file: its connection, schema, transactions and notifications, and rows beside the queue."""

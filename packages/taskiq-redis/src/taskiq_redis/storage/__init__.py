"""What talks to the server: connections, subscriptions, scripts."""

"""The worker side: connections to clients, and the deliveries that come over them."""

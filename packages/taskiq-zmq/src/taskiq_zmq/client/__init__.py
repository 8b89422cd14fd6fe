"""The client side: the queue, and the socket that workers connect to."""

"""The queue: operations on the tables `messages` and `dead_letters`, one module for each job."""

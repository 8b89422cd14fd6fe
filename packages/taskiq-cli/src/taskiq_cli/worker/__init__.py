"""A worker process: imports the application and runs its tasks until it is asked to leave."""

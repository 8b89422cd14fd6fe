"""Finding what belongs to a user's application: its broker, its tasks, its scheduler.

Programs of several packages import applications in the same way and fail with the same errors.
"""

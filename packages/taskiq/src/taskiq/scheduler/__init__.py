"""Schedules; the scheduler itself is in taskiq-scheduler."""

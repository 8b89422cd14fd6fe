"""Importing what belongs to the application: its broker, its tasks, its receiver."""

"""The worker's steps: plan, read, run, store, settle; each can be tested alone."""

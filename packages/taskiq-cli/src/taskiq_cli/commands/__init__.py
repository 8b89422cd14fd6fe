"""The commands that come with taskiq-cli, one a module."""

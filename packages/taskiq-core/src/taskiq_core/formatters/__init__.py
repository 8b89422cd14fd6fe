"""Formatters: messages to what brokers carry."""

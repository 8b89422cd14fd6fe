"""The contract tests, a module for each part of a contract."""

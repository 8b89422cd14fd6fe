"""`taskiq new`: plugins that build, install and pass their tests from the first minute."""

__version__ = "1.0.0"

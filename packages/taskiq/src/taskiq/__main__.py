"""`python -m taskiq` is the `taskiq` command."""

from taskiq_cli.__main__ import main

if __name__ == "__main__":
    main()

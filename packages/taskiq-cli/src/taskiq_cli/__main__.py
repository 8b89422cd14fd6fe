"""The console script `taskiq`, and `python -m taskiq_cli`."""

from taskiq_cli.group import cli


def main() -> None:
    """Run the command line of this process."""
    cli(prog_name="taskiq")


if __name__ == "__main__":
    main()

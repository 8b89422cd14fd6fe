"""Commands about one broker: `taskiq queue app.tkq:broker stats`, or with the path at the end."""

import click


class BrokerGroup(click.Group):
    """A group whose commands take the broker's path; it may stand before their name as well."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("subcommand_metavar", "[BROKER_PATH] COMMAND [ARGUMENTS]...")
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # whatever click's own takes

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move the broker's path behind the command's name, where that command expects it."""
        if len(args) > 1 and args[0] not in self.commands and args[1] in self.commands:
            args = [args[1], args[0], *args[2:]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or refuse an unknown one with a list of all."""
        if args[0] not in self.commands:
            names = ", ".join(sorted(self.commands))
            raise click.UsageError(f"What to do with {args[0]!r}? There are: {names}.", ctx)
        return super().resolve_command(ctx, args)

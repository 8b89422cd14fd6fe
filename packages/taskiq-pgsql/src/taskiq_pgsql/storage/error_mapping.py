"""Errors of asyncpg as those of this package."""

from typing import Final

import asyncpg

from taskiq_core.exceptions import TaskiqError
from taskiq_pgsql.errors import (
    PostgresCommandError,
    PostgresLoginError,
    PostgresRightsError,
    PostgresUnreachableError,
    SchemaError,
)

_UNREACHABLE: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection was lost between two states of its protocol
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # of a server that became a standby
)
_LOGIN: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
)
_MISSING: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
)
ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
)
"""What a call of asyncpg raises where the server or the way to it is to blame."""


def is_unreachable(error: BaseException) -> bool:
    """Return whether an error says that there is no connection any more."""
    return isinstance(error, _UNREACHABLE) and not isinstance(error, _LOGIN)


def as_ours(error: BaseException, *, address: str, schema: str) -> TaskiqError:
    """Return the error to raise in place of one of asyncpg.

    Args:
        error: of `ERRORS`.
        address: of the server, without credentials.
        schema: where the tables are.
    """
    reason = str(error) or type(error).__name__
    if isinstance(error, _LOGIN):
        return PostgresLoginError(address=address, reason=reason)
    if isinstance(error, (*_UNREACHABLE, EOFError)):
        return PostgresUnreachableError(address=address, reason=reason)
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return PostgresRightsError(address=address, reason=reason)
    if isinstance(error, _MISSING):
        return SchemaError(address=address, schema=schema, reason=reason)
    return PostgresCommandError(address=address, reason=reason)

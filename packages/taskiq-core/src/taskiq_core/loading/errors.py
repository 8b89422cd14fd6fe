"""What can go wrong while an application is imported, as one tree.

```
TaskiqError
└── LoadError                   something of the application can't be loaded
    ├── ObjectPathError             not of the form module:object (also a ValueError)
    ├── ModuleMissingError          there is no such module (also an ImportError)
    ├── ModuleRaisedError           the module raised (also an ImportError)
    ├── AttributeMissingError       the module has no such name (also an AttributeError)
    ├── NotABrokerError             the object is not a broker (also a TypeError)
    └── FactoryRaisedError          a function that makes the object raised
```
"""

from taskiq_core.exceptions import TaskiqError
from taskiq_core.plugins.redaction import without_credentials


class LoadError(TaskiqError):
    """Something of the application can't be loaded."""

    __template__ = "{reason}"
    reason: str = ""

    def __str__(self) -> str:
        # A URL may have been typed where a path was expected.
        return without_credentials(super().__str__())


class ObjectPathError(LoadError, ValueError):
    """A path is not of the form module:object."""

    __template__ = "{spec!r} is not of the form 'module:object', such as 'app.tkq:broker'.{hint}"
    spec: str
    hint: str = ""


class ModuleMissingError(LoadError, ImportError):
    """There is no such module."""

    __template__ = (
        "There is no module {module!r}{missing_part}. It was looked for in {folder} and in the "
        "installed packages; --app-dir names another folder.{hint}"
    )
    module: str
    missing_part: str
    folder: str
    hint: str


class ModuleRaisedError(LoadError, ImportError):
    """A module exists, and raised when it was imported."""

    __template__ = "The module {module!r} can't be imported: it raised {error} ({place}). {cure}"
    module: str
    error: str
    place: str
    cure: str


class AttributeMissingError(LoadError, AttributeError):
    """A module has no such name."""

    __template__ = "The module {module!r} ({file}) has no {attribute!r}.{hint}"
    module: str
    file: str
    attribute: str
    hint: str


class NotABrokerError(LoadError, TypeError):
    """A path leads to something that is not a broker."""

    __template__ = "{spec!r} is not a broker but {description}. {cure}"
    spec: str
    description: str
    cure: str


class FactoryRaisedError(LoadError):
    """A function that makes an object of the application raised."""

    __template__ = "{spec!r}, which makes the {product}, raised {error} ({place}). {cure}"
    spec: str
    product: str
    error: str
    place: str
    cure: str

"""The receiver class that `--receiver` names."""

from taskiq_cli.errors import ReceiverError
from taskiq_cli.options import DEFAULT_RECEIVER
from taskiq_core.loading.objects import import_object
from taskiq_core.receiver import Receiver


def load_receiver(spec: str) -> type[Receiver]:
    """Import a receiver class.

    Args:
        spec: as in "app.receivers:MyReceiver".

    Raises:
        LoadError: the class can't be imported, or is not a subclass of Receiver.
    """
    if spec == DEFAULT_RECEIVER:
        return Receiver  # the same class, without importing the whole facade
    found = import_object(spec)
    if isinstance(found, type) and issubclass(found, Receiver):
        return found
    what = (
        f"the class {found.__name__}"
        if isinstance(found, type)
        else f"an object of type {type(found).__name__}"
    )
    raise ReceiverError(spec=spec, reason=f"it is {what}, and must be a subclass of Receiver")

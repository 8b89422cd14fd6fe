"""The versions of the packages that matter when something is reported."""

import platform


def version_text() -> str:
    """The versions of taskiq, this package, taskiq-core and Python, for `taskiq --version`."""
    from importlib.metadata import PackageNotFoundError, version

    found: list[str] = []
    for package in ("taskiq", "taskiq-cli", "taskiq-core"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    first, *others = found or ["taskiq-cli (not installed)"]
    return f"{first} ({', '.join([*others, f'Python {platform.python_version()}'])})"

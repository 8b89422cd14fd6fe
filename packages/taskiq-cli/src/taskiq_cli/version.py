"""The versions of the packages that matter when something is reported."""

import platform


def version_text() -> str:
    """The version of taskiq, or of this package where there is no taskiq, and what it rests on."""
    from importlib.metadata import PackageNotFoundError, version

    found: list[str] = []
    for package in ("taskiq", "taskiq-cli", "taskiq-core"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    first, *others = found or ["taskiq-cli (not installed)"]
    return f"{first} ({', '.join([*others, f'Python {platform.python_version()}'])})"

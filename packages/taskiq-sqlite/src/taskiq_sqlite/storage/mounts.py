"""The file system of a path, so that a database is not put where locks don't work."""

from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/mounts")
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.blobfuse2",
        "fuse.cephfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.mount-s3",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
    }
)
"""Types of file systems that several machines share; WAL needs the shared memory of one."""


def network_file_system(folder: Path, *, mounts: Path = MOUNTS) -> str | None:
    """Return the type of the network file system of a folder; None if the folder is local.

    Only Linux says; elsewhere the answer is None.
    """
    try:
        table = mounts.read_text(errors="surrogateescape")
    except OSError:
        return None
    fs_type = _type_of(folder.resolve(), table)
    return fs_type if fs_type in NETWORK_FILE_SYSTEMS else None


def _type_of(folder: Path, table: str) -> str:
    """Return the type of the longest mount point above the folder; later lines hide earlier."""
    above = {str(folder), *map(str, folder.parents)}
    best, best_type = "", ""
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004  # device, mount point, type
            continue
        point = _unescape(fields[1])
        if point in above and len(point) >= len(best):
            best, best_type = point, fields[2]
    return best_type


def _unescape(text: str) -> str:
    """Read the octal escapes that the kernel writes for blanks in paths."""
    for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(code, character)
    return text

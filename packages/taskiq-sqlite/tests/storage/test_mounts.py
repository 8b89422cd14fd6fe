"""Network file systems are recognised by the longest mount point above a path."""

from pathlib import Path

import pytest

from taskiq_sqlite.storage.mounts import network_file_system

TABLE = r"""/dev/sda1 / ext4 rw,relatime 0 0
server:/export /home nfs4 rw 0 0
tmpfs /home/local tmpfs rw 0 0
me@host: /mnt/with\040blank fuse.sshfs rw 0 0
garbage
/dev/sdb1 /home/over ext4 rw 0 0
//nas/share /home/over cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/", None),
        ("/homestead", None),
        ("/home", "nfs4"),
        ("/home/me/data", "nfs4"),
        ("/home/local/x", None),
        ("/mnt/with blank/x", "fuse.sshfs"),
        ("/home/over", "cifs"),
    ],
)
def test_types(tmp_path: Path, folder: str, expected: str | None) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(TABLE)

    assert network_file_system(Path(folder), mounts=mounts) == expected


@pytest.mark.parametrize(
    "fs_type",
    ["virtiofs", "vboxsf", "gpfs", "fuse.juicefs", "fuse.mount-s3", "fuse.blobfuse2"],
)
def test_those_of_clouds_and_virtual_machines(tmp_path: Path, fs_type: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nshare /srv {fs_type} rw 0 0\n")

    assert network_file_system(Path("/srv/app"), mounts=mounts) == fs_type


def test_where_the_system_does_not_say(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, mounts=tmp_path / "no") is None

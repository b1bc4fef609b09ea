"""Whose files are: those that decide what we do are believed only where nobody else could have written them.

A folder counts as much as the file in it: whoever may write the folder may put another file in its place.
"""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

ROOT_UID = 0
LINKS_MAX = 40
"""As the kernel's own limit."""
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ForeignFileError(ValueError):
    """Somebody else could have written the file. Its text names what is wrong and how to mend it, in one line."""


def check_own(path: Path, *, folder_too: bool = False) -> None:
    """Raises `ForeignFileError` unless only its owner and root can change the file or put another in its place.

    Looks at the file, at every folder and symbolic link on the way to it, and at what the links lead to. A folder
    that all may write to is right if its sticky bit keeps them from each other's files, as in /tmp, but not, with
    `folder_too`, the file's own. A group that is the user's private one, with nobody else in it, is no other.

    Raises OSError if there is no such file.
    """
    places = list(_places(path))
    for place, status in places:
        if status.st_uid not in {os.geteuid(), ROOT_UID}:
            raise ForeignFileError(f"{place} belongs to another user (uid {status.st_uid})")
    for place, status in places:
        if not stat.S_ISLNK(status.st_mode) and _others_may_write(status) and not _is_sticky(status):
            raise ForeignFileError(f"others may write to {place}: take that from its mode (chmod go-w)")
    if folder_too:
        for folder in {path.absolute().parent, path.resolve().parent}:
            if _others_may_write(folder.stat()):
                raise ForeignFileError(f"others may write to its folder {folder}")


def _others_may_write(status: os.stat_result) -> bool:
    by_group = bool(status.st_mode & stat.S_IWGRP) and not _is_private(status.st_gid)
    return by_group or bool(status.st_mode & stat.S_IWOTH)


def _is_private(group_id: int) -> bool:
    """Whether the group is this user's own, as Debian and Red Hat make one for each: then umask 002 is usual."""
    try:
        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(group_id)
    except KeyError:
        return False
    return group_id == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


def _is_sticky(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)


def _places(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Each folder and link from the root on, and the file."""
    place, ahead, links = Path("/"), list(reversed(path.absolute().parts[1:])), 0
    yield place, place.lstat()
    while ahead:
        part = ahead.pop()
        if part == "..":
            place = place.parent
            continue
        status = (place / part).lstat()
        yield place / part, status
        if not stat.S_ISLNK(status.st_mode):
            place /= part
            continue
        links += 1
        if links > LINKS_MAX:
            raise ForeignFileError(f"{path} is behind too many symbolic links")
        target = (place / part).readlink()
        place = Path("/") if target.is_absolute() else place
        ahead += reversed([name for name in target.parts if name != "/"])


def make_private(folder: Path) -> list[Path]:
    """Take the folder, and all in it that is ours, from others: 700 and 600. What was open to them until now.

    Raises `ForeignFileError` if the folder itself is somebody else's, OSError if a mode can't be changed.
    """
    if folder.stat().st_uid != os.geteuid():
        raise ForeignFileError(f"{folder} belongs to another user (uid {folder.stat().st_uid})")
    opened = []
    for place in (folder, *sorted(folder.rglob("*"))):
        status = place.lstat()
        kept = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
        if kept and status.st_uid == os.geteuid() and status.st_mode & _OF_OTHERS:
            place.chmod(stat.S_IMODE(status.st_mode) & ~_OF_OTHERS)
            opened.append(place)
    return opened

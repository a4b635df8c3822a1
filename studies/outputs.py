"""Directories of output: one command at a time works in one, and a run is replaced as a whole.

A run is written into `STAGING` inside its directory and moved up when it is whole; what an earlier run left there, by the list of
files that commands keep in `LIST`, goes. Files of others are never touched.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from synaptile.foundation.errors import InputError
from synaptile.foundation.files import write_json
from synaptile.foundation.json_text import read_object

STAGING = ".unfinished"
_WHOLE = "activity.npz"
"""A directory that has it holds a run: it is the first that goes when another is moved up, and the last that comes."""
LIST = ".synaptile.json"
_LOCK = ".synaptile.lock"
_OWNER = ".synaptile.owner"
_NAMES = ("energy", "ratio", "break_even", "memory", "links", "timeline", "cores", "schedule")
_REPORTS = {f"{name}.{suffix}" for name in _NAMES for suffix in ("json", "csv", "md", "png", "svg")}
"""What reports on a run write."""


def check_output(directory: str | Path) -> Path:
    """The directory that a run may be written to. Raises InputError where a file stands in its place."""
    folder = Path(directory)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, a run needs a directory: give another name with --output")
    return folder


def check_new_run(directory: str | Path, *, overwrite: bool = False) -> Path:
    """`check_output`; raises InputError besides where a run lies there and nothing is to be overwritten."""
    folder = check_output(directory)
    if not overwrite and (folder / _WHOLE).exists():
        raise InputError(f"{folder} holds a run already, and perhaps reports on it: give another --output, or --overwrite")
    return folder


@contextmanager
def held(directory: str | Path) -> Iterator[Path]:
    """A directory of output, made if there is none, for this process alone; one that died holds nothing.

    Raises InputError that says who holds it.
    """
    folder = check_output(directory)
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        owner = ""
        with suppress(OSError, ValueError):
            owner = " by process {process}, `{command}`, since {since}".format_map(read_object(folder / _OWNER))
        raise InputError(f"{folder} is in use{owner}: wait until that ends, or give another --output") from error
    except NotImplementedError:  # a file system without locks
        yield folder
        return
    try:
        if (folder / _OWNER).exists():  # of a process that was killed
            for torn in list(_torn(folder)):
                _discard(torn)
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        owned = {"process": os.getpid(), "command": command[:200], "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        (folder / _OWNER).write_text(json.dumps(owned))  # not atomic: a kill leaves this file or none
        yield folder
    finally:
        (folder / _OWNER).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            (folder / _LOCK).unlink()
            if new:
                folder.rmdir()  # where nothing was written


def _torn(folder: Path, levels: int = 2) -> Iterator[Path]:
    """What was being written in a directory, and as deep below it as commands write; not where another command works."""
    yield from folder.glob(".*.????????.part")
    for below in folder.iterdir() if levels else ():
        if below.is_dir() and not below.is_symlink() and not (below / _LOCK).exists():
            yield from _torn(below, levels - 1)


def _discard(torn: Path) -> None:
    if torn.is_dir() and not torn.is_symlink():  # a trace of several files
        shutil.rmtree(torn, ignore_errors=True)
    else:
        torn.unlink(missing_ok=True)


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Where to write a run that replaces what `folder` holds once it is whole; on any error in writing it, nothing has changed.

    A kill while files are moved up leaves a directory that holds no run, and whose files are all listed: the next replaces it.
    """
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
    staging.mkdir(parents=True)
    try:
        yield staging
        written = sorted(path.relative_to(staging).as_posix() for path in staging.rglob("*") if path.is_file())
        known = _listed(folder)
        write_json(folder / LIST, {"files": sorted(known.union(written))})
        for old in sorted(known.difference(written), key=lambda name: name != _WHOLE):
            _remove(folder, old)
        if _WHOLE in written:
            (folder / _WHOLE).unlink(missing_ok=True)
        for name in written:
            if name != _WHOLE:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (staging / name).replace(folder / name)
        write_json(folder / LIST, {"files": written})
        if _WHOLE in written:
            (staging / _WHOLE).replace(folder / _WHOLE)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def record(folder: Path, files: list[Path]) -> None:
    """Note files that a later command added to a run, or to a folder in it, so that the next run there replaces them too."""
    root = next((one for one in (folder, folder.parent) if (one / _WHOLE).is_file()), None)
    if root is not None and STAGING not in folder.parts:
        names = {path.relative_to(root).as_posix() for path in files if path.is_relative_to(root)}
        write_json(root / LIST, {"files": sorted(_listed(root) | names)})


def final(path: Path) -> Path:
    """Where a file that was staged will lie."""
    return Path(*(part for part in path.parts if part != STAGING))


def _listed(folder: Path) -> set[str]:
    """Files that commands have written there, by their list; and reports beside a run or in folders of it, listed or not."""
    reports: set[str] = set()
    if (folder / _WHOLE).is_file():
        below = [one for one in folder.iterdir() if (one / "energy.json").is_file() and not (one / _WHOLE).exists()]
        reports = {
            file.relative_to(folder).as_posix() for one in (folder, *below) for file in one.iterdir() if file.name in _REPORTS
        }
    try:
        return reports | {str(name) for name in read_object(folder / LIST)["files"]}
    except (OSError, ValueError, KeyError, TypeError):
        return reports


def _remove(folder: Path, name: str) -> None:
    """A file of the list, and its folder where nothing else is in it; never anything outside."""
    path = folder / name
    if not os.path.isfile(path) and not os.path.islink(path):  # noqa: PTH113, PTH114  # these take what no file can be called
        return
    if path.resolve().is_relative_to(folder.resolve()):
        path.unlink(missing_ok=True)
        with suppress(OSError):
            if path.parent != folder:
                path.parent.rmdir()

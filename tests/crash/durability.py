"""Which answers of a server rest on what a power cut could undo, judged from a trace of its system calls.

A file's bytes last once an fsync of it began after their write; a name in a directory (made, renamed, linked or
removed) lasts once an fsync of that directory began after it. An acknowledgement is an answer 201 or 202. Of requests
that came one after the other everything before must last; of requests side by side, what the answer itself names.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.crash.trace import Call

_WRITES = {"write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range", "sendfile"}
_ANSWER = re.compile(r'"HTTP/1\.1 (20[12]) ')
_LOCATION = re.compile(r"\\r\\nlocation: /v2/([^ ]+?)/(blobs/uploads|blobs|manifests)/([^ /]+?)\\r\\n", re.IGNORECASE)
_DIGEST = re.compile(r"\\r\\ndocker-content-digest: (\w+):(\w+)\\r\\n", re.IGNORECASE)


@dataclass(slots=True)
class Entry:
    """A change of a name in a directory that may not last yet."""

    what: str
    how: str
    at: int
    since: int  # when the first of those came that replaced each other up to this one
    lasted_before: bool  # a synced name was replaced: one of both is found after a power cut


@dataclass(slots=True)
class Acknowledgement:
    """An answer 201 or 202, and what was synced since the one before, as paths in the data directory."""

    status: int
    synced: list[str] = field(default_factory=list)


class Durability:
    """What lasts and what doesn't at each moment of a trace that began with an empty data directory."""

    def __init__(self, root: str, *, side_by_side: bool = False) -> None:
        self._root = root
        self._parent = _parent(root)
        self._side_by_side = side_by_side
        self._known: set[str] = set()
        self._filled: set[str] = set()
        self._unsynced: dict[str, int] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        self._synced: list[str] = []
        self.acknowledgements: list[Acknowledgement] = []
        self.violations: list[str] = []

    def follow(self, calls: Iterable[Call]) -> Durability:
        done = [call for call in calls if call.result is None or call.result >= 0]
        for call in sorted(done, key=lambda call: call.began if _ANSWER.search(call.arguments) else call.ended):
            self._step(call)
        return self

    def _step(self, call: Call) -> None:
        if answer := _ANSWER.search(call.arguments):
            self._acknowledge(int(answer[1]), call.arguments)
            return
        if call.result is None:
            return
        paths = [path for path in call.paths() if f"{path}/".startswith(f"{self._parent}/")]
        if not paths:
            return
        first, last = paths[0], paths[-1]
        match call.name.removesuffix("2").removesuffix("at"):  # renameat2 is a rename
            case "open" if "O_CREAT" in call.arguments and first not in self._known:
                self._known.add(first)
                self._change(first, call, "made")
            case "open" if "O_TRUNC" in call.arguments:
                self._unsynced[first] = call.ended
            case "rename" | "link" as name:
                self._place(first, last, call, moved=name == "rename")
            case "unlink" if "AT_REMOVEDIR" not in call.arguments:
                self._known.discard(first)
                self._unsynced.pop(first, None)
                self._change(first, call, "removed")
            case "mkdir":
                self._known.add(first)
                self._change(first, call, "made")
            case "rmdir" | "unlink":
                self._remove_directory(first)
            case "fsync" | "fdatasync":
                self._sync(first, call.began)
            case name:
                if name in _WRITES:
                    self._unsynced[first] = call.ended
                    self._filled.add(first)

    def _place(self, source: str, target: str, call: Call, *, moved: bool) -> None:
        if source in self._unsynced:
            self.violations.append(f"{self._short(source)} became {self._short(target)} before its bytes were synced")
        self._change(target, call, "placed")
        self._known.add(target)
        self._unsynced.pop(target, None)
        if moved:
            self._known.discard(source)
            self._unsynced.pop(source, None)
            self._entries.get(_parent(source), {}).pop(source, None)
            if not self._short(source).startswith("uploads/"):
                self._change(source, call, "moved away")

    def _change(self, path: str, call: Call, how: str) -> None:
        if not _is_passing(self._short(path)):
            entries = self._entries.setdefault(_parent(path), {})
            pending = entries.get(path)
            follows = pending is not None and how == "placed" and pending.how in ("made", "placed")
            since = pending.since if pending and follows else call.ended
            lasted = path in self._known and how == "placed" and (pending is None or pending.lasted_before)
            entries[path] = Entry(f"{self._short(path)} {how}", how, call.ended, since, lasted)

    def _remove_directory(self, directory: str) -> None:
        """What was removed in it without an fsync of it is only as gone as the directory itself."""
        parent = self._entries.setdefault(_parent(directory), {})
        parent.pop(directory, None)
        for entry in self._entries.pop(directory, {}).values():
            parent[directory] = entry
        self._known.discard(directory)

    def _sync(self, path: str, began: int) -> None:
        self._synced.append(self._short(path))
        if self._unsynced.get(path, began) < began:
            del self._unsynced[path]
        entries = self._entries.get(path, {})
        for name, entry in list(entries.items()):
            if entry.at < began:
                del entries[name]
            elif entry.since < began:
                entry.lasted_before = True

    def _acknowledge(self, status: int, text: str) -> None:
        self.acknowledgements.append(Acknowledgement(status, self._synced))
        self._synced = []
        location = _LOCATION.search(text)
        what = f"{status} of {'/'.join(location.groups())}" if location else status
        for problem in self._named(text) if self._side_by_side else self._pending():
            self.violations.append(
                f"acknowledgement {len(self.acknowledgements)} ({what}) came before the fsync of: {problem}"
            )

    def _pending(self) -> list[str]:
        entries = [
            entry.what
            for entries in self._entries.values()
            for path, entry in entries.items()
            if not self._is_empty_upload(path)
        ]
        return entries + [
            f"the bytes of {self._short(path)}" for path in self._unsynced if not _is_passing(self._short(path))
        ]

    def _named(self, text: str) -> list[str]:
        """What doesn't last of the paths that an answer's headers stand for."""
        problems = []
        for path in self._paths_named(text):
            if path in self._unsynced:
                problems.append(f"the bytes of {self._short(path)}")
            name = path
            while len(name) > len(self._root):
                entry = self._entries.get(_parent(name), {}).get(name)
                if entry and not entry.lasted_before:
                    problems.append(entry.what)
                name = _parent(name)
        return problems

    def _paths_named(self, text: str) -> list[str]:
        location, digest = _LOCATION.search(text), _DIGEST.search(text)
        if location is None:
            return []
        name, kind, last = location.groups()
        if kind == "blobs/uploads":
            uploads = [path for path in self._known if path.startswith(f"{self._root}/uploads/{last}.")]
            return [path for path in uploads if not self._is_empty_upload(path)]
        if digest is None:
            return []
        algorithm, hexadecimal = digest.groups()
        repository = f"{self._root}/repositories/{name}"
        paths = [f"{self._root}/blobs/{algorithm}/{hexadecimal[:2]}/{hexadecimal}"]
        if kind == "blobs":
            return [*paths, f"{repository}/_blobs/{algorithm}/{hexadecimal}"]
        paths.append(f"{repository}/_manifests/{algorithm}/{hexadecimal}")
        return paths if ":" in last else [*paths, f"{repository}/_tags/{last}"]

    def _is_empty_upload(self, path: str) -> bool:
        """Nothing is in it that could be lost: a client that finds it gone begins again."""
        return path.startswith(f"{self._root}/uploads/") and path not in self._filled

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self._root)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _is_passing(path: str) -> bool:
    """Temporary files, locks and what lies outside need not last; what is renamed into the tree is synced before."""
    return path.startswith(("uploads/tmp-", "locks/", "../"))

"""Three-way merge of the files of a service: fewer conflicts than git has, and none hidden."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.updating.formatting import format_files
from scripts.updating.results import Finding, Merged
from scripts.updating.texts import Sides, attempts, first_clean, has_crlf, to_line_feeds
from scripts.updating.trees import Entry, Tree, read_blobs, write_blobs


class Merger:
    """Merges the base and theirs, two versions of the template, with ours, the team's."""

    def __init__(self, base: Tree, ours: Tree, theirs: Tree, take_theirs: str) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self.take_theirs = take_theirs
        self.merged = Merged(dict(ours), {}, [], [])
        self.done: dict[tuple[str, bytes], bytes] = {}

    def merge(self, moved: Callable[[str], str | None]) -> Merged:
        """`moved` says where the team moved a file that it has no longer."""
        texts = []
        for path in sorted(self.base.keys() | self.theirs.keys()):
            base, ours, theirs = (tree.get(path) for tree in (self.base, self.ours, self.theirs))
            if base == theirs or ours == theirs:
                continue
            if path == self.take_theirs and theirs is not None:
                self.merged.tree[path] = theirs
            elif theirs is None:
                self.delete(path, base, ours)
            elif ours is None:
                self.add(path, base, theirs, moved)
            elif ours == base and not path.endswith(".py"):
                self.merged.tree[path] = theirs
            elif ours.is_file and theirs.is_file and (base is None or base.is_file):
                texts.append(path)
            else:
                self.leave(path, "both sides changed what is no plain file; yours is kept", theirs)
        self.merge_texts(texts)
        return self.merged

    def delete(self, path: str, base: Entry | None, ours: Entry | None) -> None:
        if ours is None:
            return
        if ours == base:
            del self.merged.tree[path]
            return
        self.merged.stages[path] = (base, ours, None)
        why = "the template has it no longer, and you changed it; it is kept"
        self.merged.left.append(Finding(path, why, f"`git add {path}` or `git rm {path}`"))

    def add(
        self,
        path: str,
        base: Entry | None,
        theirs: Entry,
        moved: Callable[[str], str | None],
    ) -> None:
        if base is None:
            parents = {parent.as_posix() for parent in Path(path).parents}
            if parents & self.ours.keys() or any(p.startswith(f"{path}/") for p in self.ours):
                why = "the template adds it, where you have a file, a link or a folder"
                self.merged.left.append(Finding(path, why, f"`git show {theirs.oid[:12]}`"))
                return
            self.merged.tree[path] = theirs
            return
        change = f"`git diff {base.oid[:12]} {theirs.oid[:12]}`"
        where = moved(path)
        why = f"the template changed it, and you moved it to {where}" if where else ""
        why = why or "the template changed it, and you deleted it"
        self.merged.notes.append(Finding(path, why, f"{change} shows the change"))

    def leave(self, path: str, why: str, theirs: Entry) -> None:
        self.merged.stages[path] = (self.base.get(path), self.ours[path], theirs)
        do = f"`git show {theirs.oid[:12]}` is the template's; `git add {path}` when it is right"
        self.merged.left.append(Finding(path, why, do))

    def merge_texts(self, paths: Sequence[str]) -> None:
        """The settings first: the rest is formatted as they will be."""
        self.merge_each([path for path in paths if not path.endswith(".py")], {})
        self.merge_each([path for path in paths if path.endswith(".py")], self.new_files())

    def new_files(self) -> dict[str, Entry]:
        added = self.theirs.keys() - self.base.keys() - self.ours.keys()
        return {p: self.theirs[p] for p in added & self.merged.tree.keys() if p.endswith(".py")}

    def settings(self) -> bytes | None:
        path = "pyproject.toml"
        if path in self.merged.stages or path not in self.merged.tree:
            return None
        return next(iter(read_blobs([self.merged.tree[path].oid]).values()))

    def format(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Each content once: most files are the same on two sides."""
        new = {path: content for path, content in files.items() if (path, content) not in self.done}
        beside = self.ours.keys() | self.theirs.keys()
        for path, content in format_files(new, beside, self.settings()).items():
            self.done[path, new[path]] = self.done[path, content] = content
        python = {path: content for path, content in files.items() if path.endswith(".py")}
        return {path: self.done[path, content] for path, content in python.items()}

    def merge_each(self, paths: Sequence[str], added: dict[str, Entry]) -> None:
        raw = self.read(paths)
        normal = {path: Sides(*map(to_line_feeds, sides)) for path, sides in raw.items()}
        styled = [self.format({p: sides[n] for p, sides in normal.items()}) for n in range(3)]
        formatted = {p: Sides(*(side[p] for side in styled)) for p in styled[1]}
        results: dict[str, bytes] = {}
        with TemporaryDirectory() as folder:
            for path in paths:
                is_text = not any(b"\0" in side for side in raw[path])
                tries = attempts(normal[path], formatted.get(path)) if is_text else iter(())
                result, clean = first_clean(Path(folder), tries, aligned=path not in formatted)
                if clean:
                    results[path] = result
                elif is_text:
                    self.conflict(path, result, raw[path])
                else:
                    self.leave(path, "both sides changed it; yours is kept", self.theirs[path])
        kept = {p for p, sides in formatted.items() if sides.ours == normal[p].ours}
        if 2 * len(kept) > len(formatted):
            results |= self.format(self.read_new(added))
        results |= self.format({path: results[path] for path in kept & results.keys()})
        self.store(results, raw)

    def read(self, paths: Sequence[str]) -> dict[str, Sides]:
        trees = (self.base, self.ours, self.theirs)
        entries = {path: [tree.get(path) for tree in trees] for path in paths}
        blobs = read_blobs(entry.oid for side in entries.values() for entry in side if entry)
        return {
            path: Sides(*(blobs[entry.oid] if entry else b"" for entry in side))
            for path, side in entries.items()
        }

    def read_new(self, added: dict[str, Entry]) -> dict[str, bytes]:
        blobs = read_blobs(entry.oid for entry in added.values())
        return {path: blobs[entry.oid] for path, entry in added.items()}

    def conflict(self, path: str, result: bytes, raw: Sides) -> None:
        self.store({path: result}, {path: raw})
        self.merged.stages[path] = (self.base.get(path), self.ours[path], self.theirs[path])
        why, do = "both sides changed the same lines", f"merge by hand, then `git add {path}`"
        self.merged.left.append(Finding(path, why, do))

    def store(self, results: dict[str, bytes], raw: dict[str, Sides]) -> None:
        contents = {
            path: result.replace(b"\n", b"\r\n")
            if path in raw and has_crlf(raw[path].ours)
            else result
            for path, result in results.items()
        }
        for path, oid in write_blobs(contents).items():
            self.merged.tree[path] = Entry(self.mode(path), oid)

    def mode(self, path: str) -> str:
        base, ours, theirs = (tree.get(path) for tree in (self.base, self.ours, self.theirs))
        if ours is None or (base and theirs and base.mode == ours.mode):
            return theirs.mode if theirs else "100644"
        return ours.mode

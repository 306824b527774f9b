"""`poe update`: bring in the template's improvements, or nothing; name what is left to merge.

Exit codes: 0 merged, 3 something is left to merge, 4 refused, 1 failed.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from scripts.updating import journal
from scripts.updating.answers import FILE, check_answers, read_answers, read_word, tell_answers
from scripts.updating.bringing import bring_over, changes_between, with_prefix
from scripts.updating.checks import check_ready
from scripts.updating.git import Failed, Refused, git_path, lines, require_repository, text
from scripts.updating.locking import relock
from scripts.updating.merging import Merger
from scripts.updating.moving import find_moves, move
from scripts.updating.options import Options, read_options
from scripts.updating.rendering import Rendered, render
from scripts.updating.report import Outcome
from scripts.updating.results import Finding
from scripts.updating.signals import Stopped, deferred, stop_on_signals
from scripts.updating.trees import Tree, head_tree, list_tree, prefix, write_tree


def find_moved(old: Tree, team: Tree) -> dict[str, str]:
    """Where the team moved files of the template, as far as git can tell."""
    listed = lines(
        *("-c", "core.quotePath=false", "diff-tree", "-r", "--find-renames", "--diff-filter=R"),
        *("--name-status", write_tree(old), write_tree(team)),
    )
    return {line.split("\t")[1]: line.split("\t")[2] for line in listed}


def models_changed(changed: list[str]) -> list[Finding]:
    return [
        Finding(path, "A model changed", "see whether a revision is due: `uv run poe check`")
        for path in changed
        if path.endswith("/models.py")
    ]


def update(options: Options) -> Outcome:
    check_ready()
    head, team = text("rev-parse", "HEAD"), head_tree()
    with TemporaryDirectory(prefix="update-") as name:
        work = Path(name)
        rendered, said = render(work, team, options.for_copier, quiet=options.json)
        old, new = (read_answers(a) for a in (rendered.old_answers, rendered.new_answers))
        check_answers(old, new, options.given)
        outcome = merge(rendered, head, team, work)
    notes = [Finding(*answer) for answer in tell_answers(old, new)]
    if said and not options.json:
        print(said, file=sys.stderr)
    before, after = (read_word(answers.get("_commit", "")) for answers in (old, new))
    message = f"From {before} to {after}: {outcome.message}" if outcome.message else "No news."
    notes += outcome.notes
    return outcome._replace(message=message, before=before, after=after, notes=tuple(notes))


def merge(rendered: Rendered, head: str, team: Tree, work: Path) -> Outcome:
    moves = find_moves(rendered.old, rendered.new)
    base, ours = move(rendered.old, moves), move(team, moves)
    renames = find_moved(base, ours)
    merged = Merger(base, ours, rendered.new, take_theirs=FILE).merge(renames.get)
    folder, everything = prefix(), list_tree("HEAD")
    outside = {path: e for path, e in everything.items() if not path.startswith(folder)}
    inside = with_prefix(merged.tree, folder)
    stages = {f"{folder}{path}": sides for path, sides in merged.stages.items()}
    after, notes = relock(everything, outside | inside, folder, set(stages), work)
    bring_over(head, everything, after, stages)
    changed = [*changes_between(everything, after)]
    notes = [*models_changed(changed), *merged.notes, *notes]
    notes += [Finding(move.old, f"moved to {move.new}", "your edits moved along") for move in moves]
    status = "left" if merged.left else "merged"
    message = f"{len(changed)} files changed; `git diff HEAD` shows how." if changed else ""
    return Outcome(status, message, "", "", tuple(changed), tuple(merged.left), tuple(notes))


def restore() -> Outcome:
    written = journal.read_journal()
    if written is None:
        return Outcome("merged", "No update is half done: there is nothing to restore.")
    with deferred():
        saved = journal.restore(written)
    kept = [Finding(str(path), "it was changed since", "a copy of what it was") for path in saved]
    return Outcome("merged", "Everything is as it was before the update.", notes=tuple(kept))


def run(options: Options) -> Outcome:
    try:
        require_repository()
        with FileLock(git_path("template-update.lock"), timeout=0):
            return restore() if options.restore else update(options)
    except Timeout:
        return Outcome("refused", "Another `poe update` is running here: wait for its end.")
    except Refused as refused:
        return Outcome("refused", str(refused))
    except (Failed, OSError) as failed:
        return Outcome("failed", f"{failed}\n{journal.half_done() or 'Nothing was changed.'}")
    except (Stopped, KeyboardInterrupt):
        return Outcome("failed", f"Stopped. {journal.half_done() or 'Nothing was changed.'}")


def main() -> None:
    stop_on_signals()
    options = read_options(sys.argv[1:])
    outcome = run(options)
    print(outcome.as_json() if options.json else outcome.as_text())
    sys.exit(outcome.code)


if __name__ == "__main__":
    main()

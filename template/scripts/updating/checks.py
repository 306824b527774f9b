"""What an update is refused for: nothing of a team's may be in its way."""

from scripts.updating.answers import FILE
from scripts.updating.git import Failed, Refused, lines, names, require_repository, text
from scripts.updating.journal import half_done
from scripts.updating.trees import prefix

MARKERS = "^(<<<<<<< before updating|>>>>>>> after updating)"
# What others wrote, and nobody merges.
ELSEWHERE = [f":(exclude,glob)**/{name}/**" for name in (".venv", "node_modules", ".git")]


def unmerged() -> list[str]:
    """The files that an update left to merge, whether git ignores them or not."""
    if not lines("rev-parse", "--git-dir"):
        marked = lines("grep", "--no-index", "--files-with-matches", "-E", MARKERS, "--", ".")
        return sorted({name for name in marked if not name.startswith(".venv/")})
    about = (line.partition("\t")[2] for line in lines_with("ls-files", "--unmerged", "--", "."))
    # A file that git tracks is looked at even where an ignore rule names it.
    marked = lines_with("grep", "--untracked", "--files-with-matches", "-E", MARKERS, "--", ".")
    rejected = lines_with("ls-files", "--cached", "--others", "--", "*.rej", *ELSEWHERE)
    return sorted({*about, *marked, *rejected} - {""})


def lines_with(*args: str) -> list[str]:
    return lines("-c", "core.quotePath=false", *args)


def changed() -> list[str]:
    """What is not committed, in the folder of the service."""
    status = names(
        "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", "."
    )
    # `uv run` writes a lock where there is none.
    return [line for line in status if line != f"?? {prefix()}uv.lock"]


def check_ready() -> None:
    require_repository()
    if sentence := half_done():
        raise Refused(sentence)
    if files := unmerged():
        raise Refused("\n  ".join(["Something is left to merge from before:", *files]))
    if files := changed():
        sentences = ["Commit or stash what is not committed, then update:", *files]
        if any(line.endswith(FILE) for line in files):
            sentences.append(
                f"If a `copier update` was interrupted here ({FILE} is changed), commit nothing:"
                " `git reset --hard && git clean -fd` brings back what was committed."
            )
        raise Refused("\n  ".join(sentences))
    try:
        text("cat-file", "-e", f"HEAD:./{FILE}")
    except Failed as failed:
        raise Refused(
            f"There is no committed {FILE}, which says where the template is: commit it."
        ) from failed

"""The answers of a service: what an update may change about them, and what nobody asked for."""

import re
from fnmatch import fnmatchcase

from scripts.updating.git import Refused

FILE = ".copier-answers.yml"
# It was the only database before there was a question.
DATABASE = "postgresql"


def read_answers(written: str) -> dict[str, str]:
    """Each answer as Copier writes it, in YAML: compared, never interpreted."""
    blocks = re.split(r"^(?=[A-Za-z_]\w*:)", written, flags=re.MULTILINE)
    pairs = (block.split(":", 1) for block in blocks if ":" in block and block[0] != "#")
    return {name: value.strip() for name, value in pairs}


def read_word(answer: str) -> str:
    return answer.strip("'\"")


def read_list(answer: str) -> set[str]:
    return set(re.findall(r"[\w-]+", re.sub(r"^\s*- ", "", answer, flags=re.MULTILINE)))


def plain(written: str) -> str:
    """The answers to questions, as a data file for Copier."""
    answers = read_answers(written)
    blocks = re.split(r"^(?=[A-Za-z_]\w*:)", written, flags=re.MULTILINE)
    return "".join(block for block in blocks if block.split(":")[0] in answers and block[0] != "_")


def passed_names(data: list[str], data_file: str) -> set[str]:
    return {pair.split("=", 1)[0] for pair in data} | set(read_answers(data_file))


def check_answers(old: dict[str, str], new: dict[str, str], given: set[str]) -> None:
    """Refuse what an update may not change, and what it would change by itself.

    `given` are the names, or patterns of names, of what the caller decides.
    """
    before, after = (read_word(answers.get("database", DATABASE)) for answers in (old, new))
    if before != after:
        raise Refused(
            f"`database` is answered once: this service is on {before}, and an update does not make"
            f" it {after}. Scaffold another service for that."
        )
    if gone := read_list(old.get("addons", "")) - read_list(new.get("addons", "")):
        raise Refused(
            f"An update adds addons and takes none away; without {', '.join(sorted(gone))} their"
            " tables would be left behind. Pass those that there are as well:"
            f" --data 'addons=[{', '.join(sorted(read_list(old['addons'])))}]'."
        )
    for name in sorted(old.keys() & new.keys()):
        asked = any(fnmatchcase(name, pattern) for pattern in given)
        if old[name] != new[name] and not name.startswith("_") and not asked:
            raise Refused(
                f"The new version does not accept the answer {name}: {old[name]}; it would take"
                f" {new[name]} instead. Pass an answer that it accepts: --data {name}=..."
            )


def tell_answers(old: dict[str, str], new: dict[str, str]) -> list[tuple[str, str, str]]:
    """What is new among the answers, and what is gone: path, reason, what to do."""
    told = []
    for name in sorted(new.keys() - old.keys()):
        if not name.startswith("_"):
            other = f"another answer: poe update --vcs-ref=:current: --data {name}=..."
            told.append((FILE, f"a new question, answered {name}: {new[name]}", other))
    for name in sorted(old.keys() - new.keys()):
        if not name.startswith("_"):
            told.append((FILE, f"the new version does not ask {name} ({old[name]})", "nothing"))
    return told

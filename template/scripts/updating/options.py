"""What `poe update` takes: what it does itself, and what it passes on to Copier."""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

from scripts.updating.answers import passed_names
from scripts.updating.report import CODES

VALUES = {
    "--vcs-ref": "-r",
    "--data": "-d",
    "--data-file": None,
    "--exclude": "-x",
    "--skip": "-s",
    "--ask": None,
}
FLAGS = {
    "--defaults": "-l",
    "--skip-answered": "-A",
    "--prereleases": "-g",
    "--skip-tasks": "-T",
    "--trust": None,
}
REFUSED = {
    "--conflict": "conflicts stand in the files, between markers, and in git's index",
    "--answers-file": "a service has one, .copier-answers.yml",
    "--pretend": "`git reset --hard` undoes an update that you have not committed",
}


class Options(NamedTuple):
    """`given` are the answers, or patterns of them, that somebody decides at this update."""

    for_copier: list[str]
    given: set[str]
    json: bool
    restore: bool


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{message}: `poe update --help` says what there is.", file=sys.stderr)
        sys.exit(CODES["refused"])


def make_parser() -> Parser:
    parser = Parser(prog="poe update", allow_abbrev=False, epilog="Exit codes: 0, 3, 4, 1.")
    parser.add_argument("--restore", action="store_true", help="undo an update that was killed")
    parser.add_argument("--json", action="store_true", help="say what happened for a machine")
    for name, short in VALUES.items():
        options = (short, name) if short else (name,)
        parser.add_argument(*options, action="append", default=[], help="as of `copier update`")
    for name, short in FLAGS.items():
        options = (short, name) if short else (name,)
        parser.add_argument(*options, action="store_true", help="as of `copier update`")
    return parser


def read_options(args: list[str]) -> Options:
    parser = make_parser()
    for name, reason in REFUSED.items():
        if any(arg.split("=")[0] == name for arg in args):
            parser.error(f"`poe update` does not take {name}, because {reason}")
    read = vars(parser.parse_args(args))
    read = {f"--{name.replace('_', '-')}": value for name, value in read.items()}
    if any("=" not in pair for pair in read["--data"]):
        parser.error("--data takes NAME=VALUE")
    files = [Path(name).absolute() for name in read["--data-file"]]
    if missing := [str(path) for path in files if not path.is_file()]:
        parser.error(f"there is no file {', '.join(missing)} for --data-file")
    read["--data-file"] = files
    passed = [f"{name}={value}" for name in VALUES for value in read[name]]
    passed += [name for name in FLAGS if read[name]]
    data_file = "\n".join(path.read_text("utf-8") for path in files)
    given = passed_names(read["--data"], data_file) | set(read["--ask"])
    return Options(passed, given, read["--json"], read["--restore"])

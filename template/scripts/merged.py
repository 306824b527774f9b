"""`poe merged`: fail while an update of the template is half done, or left to merge."""

import sys

from scripts.updating.checks import unmerged
from scripts.updating.journal import half_done


def main() -> None:
    if sentence := half_done():
        sys.exit(sentence)
    if files := unmerged():
        sys.exit("\n  ".join(["An update left these to merge by hand:", *files]))


if __name__ == "__main__":
    main()

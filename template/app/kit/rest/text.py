"""Text as PostgreSQL can store it: without NUL."""

from typing import Annotated

from pydantic import StringConstraints

CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# Spelled out, because engines disagree on whether \s is a byte order mark.
VISIBLE = rf"[^\s\ufeff{CONTROL}]"
LINE = rf"^{VISIBLE}(?:[^{CONTROL}]*{VISIBLE})?$"
TEXT = r"^[^\x00]*$"

# What to say instead of such a pattern.
RULES = {
    LINE: "This must be one line without control characters, and without spaces around it",
    TEXT: "This must not contain NUL",
}

Line = Annotated[str, StringConstraints(min_length=1, pattern=LINE)]
Text = Annotated[str, StringConstraints(pattern=TEXT)]

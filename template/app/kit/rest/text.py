"""Text as a database can store it, without NUL; and e-mail addresses."""

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints

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


def normalize_email(email: str) -> str:
    try:
        # test_environment: somebody@example.test is what developers type.
        valid = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("This is not an e-mail address") from None
    return valid.normalized.lower()


Email = Annotated[
    str,
    Field(max_length=254, examples=["ada@example.com"], json_schema_extra={"format": "email"}),
    AfterValidator(normalize_email),
]

"""Text as PostgreSQL can store it: without NUL."""

from typing import Annotated

from pydantic import StringConstraints

Line = Annotated[
    str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$", strip_whitespace=True)
]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]

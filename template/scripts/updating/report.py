"""What came of an update: for people, and for machines."""

import json
from typing import NamedTuple

from scripts.updating.results import Finding

CODES = {"merged": 0, "failed": 1, "left": 3, "refused": 4}


class Outcome(NamedTuple):
    status: str
    message: str
    before: str = ""
    after: str = ""
    changed: tuple[str, ...] = ()
    left: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def code(self) -> int:
        return CODES[self.status]

    def as_json(self) -> str:
        found = {"left": self.left, "notes": self.notes}
        findings = {name: [finding._asdict() for finding in many] for name, many in found.items()}
        versions = {"from": self.before, "to": self.after}
        said = {"status": self.status, "message": self.message} | versions
        return json.dumps(said | {"changed": list(self.changed)} | findings, indent=2)

    def as_text(self) -> str:
        written = [self.message]
        if self.notes:
            written += ["For you to know:", *(f"  {show(note)}" for note in self.notes)]
        if self.left:
            written += ["Merge by hand:", *(f"  {show(path)}" for path in self.left)]
        return "\n".join(written)


def show(finding: Finding) -> str:
    return f"{finding.path}: {finding.why}; {finding.do}"

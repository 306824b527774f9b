"""Whether a service is what its OpenAPI document says: whatever that allows, and what it does not.

Schemathesis calls the paths that it is given and no other one: a team's endpoint may stream without
end, or send an e-mail.
"""

import subprocess
import sys

import httpx2

from tests.conftest import ROOT


def differences(client: httpx2.Client, *paths: str) -> str:
    """What Schemathesis reports of these paths of the document; nothing where it finds none."""
    document = client.get("/openapi.json").json()
    if absent := set(paths) - document["paths"].keys():
        return f"The document has no {', '.join(sorted(absent))}."
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        str(client.base_url.join("openapi.json")),
        *(f"--include-path={path}" for path in paths),
        "--max-examples=5",
        "--generation-deterministic",
        "--continue-on-failure",
    ]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    return run.stdout + run.stderr if run.returncode else ""

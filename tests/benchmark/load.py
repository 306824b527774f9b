"""wrk for some seconds, and what it says."""

import json
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.benchmark.servers import Server
from tests.benchmark.variants import Variant, Workload

USUAL_CLIENTS = 32
SCRIPT = Path(__file__).with_name("load.lua")


class Load(NamedTuple):
    seconds: float
    succeeded: int
    refused: int
    """With a 503."""
    failed: int
    """With any other status, or not answered at all."""
    p50_ms: float
    p99_ms: float


def wrk() -> str:
    found = shutil.which("wrk")
    if not found:
        sys.exit("wrk is not installed: `apt-get install wrk`, or `brew install wrk`.")
    return found


def shoot(
    server: Server,
    variant: Variant,
    workload: Workload,
    targets: Path,
    *,
    clients: int,
    seconds: int,
    seed: int,
) -> Load:
    """Each client sends its next request when it has the answer. Equal seeds: equal requests."""
    options = ("-t1", f"-c{clients}", f"-d{seconds}s", "--timeout=30s", f"--script={SCRIPT}")
    prefix = f"new-{secrets.token_hex(6)}"
    script = (variant.users, str(workload.write_every), prefix, str(seed), targets)
    shot = subprocess.run(
        [wrk(), *options, f"http://127.0.0.1:{server.port}", "--", *script],
        capture_output=True,
        text=True,
        check=False,
    )
    if shot.returncode:
        sys.exit(f"wrk failed:\n{shot.stdout}{shot.stderr}")
    return Load(**json.loads(shot.stdout.splitlines()[-1]))

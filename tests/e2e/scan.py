"""What the command line says of the same records: the reference for what is deployed."""

import gzip
import json
import os
import pathlib
import subprocess
from typing import Any, Sequence

from emulator import ROOT

from .events import Record

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CALLERWATCH = TARGET / "debug/callerwatch"


def trail_object(records: list[Record]) -> bytes:
    """Records as CloudTrail stores them."""
    return gzip.compress(json.dumps({"Records": records}).encode(), compresslevel=1, mtime=0)


def scan(
    records: list[Record],
    folder: pathlib.Path,
    policy: pathlib.Path | None = None,
    options: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """The findings of one clean pass, by uid."""
    file = folder / "records.json.gz"
    file.write_bytes(trail_object(records))
    return scan_files([file], policy, options)


def scan_files(
    files: list[pathlib.Path],
    policy: pathlib.Path | None = None,
    options: Sequence[str] = (),
) -> dict[str, dict[str, Any]]:
    """The same, of files in any form."""
    command = [str(CALLERWATCH), "scan", *map(str, files), "--format", "json", *options]
    if policy:
        command += ["--policy", str(policy)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    findings = [json.loads(line) for line in told.stdout.splitlines()]
    return {finding["finding_info"]["uid"]: finding for finding in findings}


def detections(finding: dict[str, Any]) -> set[str]:
    """The detections that an alert unites."""
    info = finding["finding_info"]
    return {it["uid"] for it in [info["analytic"], *info.get("related_analytics", [])]}


def succeeded(alert: dict[str, Any]) -> bool:
    """Whether something succeeded, as its evidences say, of which the successes come first."""
    outcomes = {it["api"]["response"]["message"] for it in alert["evidences"]}
    return bool(outcomes & {"success", "signed in", "password correct, sign-in stopped"})


def essence(finding: dict[str, Any]) -> tuple[Any, ...]:
    """What must be the same of an alert, however its evidence came."""
    return (
        finding["count"],
        finding["severity"],
        finding["risk_score"],
        finding["start_time"],
        finding["end_time"],
        finding["finding_info"]["analytic"]["uid"],
        frozenset(detections(finding)),
        finding["unmapped"]["count_is_at_least"],
    )

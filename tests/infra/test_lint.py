"""What linters say of the templates, and of those for the other clouds: nothing."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from emulator import ROOT

INFRA = ROOT / "infra/aws"
TEMPLATES = ["template.yaml", "member.yaml", "egress.yaml", "waf.yaml"]


def run(*command: str, home: pathlib.Path, folder: pathlib.Path = INFRA) -> str:
    environment = {**os.environ, "HOME": str(home), "SAM_CLI_TELEMETRY": "0"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("template", TEMPLATES)
def test_cfn_lint(template: str, tmp_path: pathlib.Path) -> None:
    binary = pathlib.Path(sys.executable).parent / "cfn-lint"
    told = run(str(binary), "--include-checks", "I", "--regions", "us-east-1", "eu-central-1",
               "--", template, home=tmp_path)
    assert told == ""


@pytest.mark.parametrize("template", TEMPLATES)
def test_sam_validate(template: str, tmp_path: pathlib.Path) -> None:
    sam = ROOT / "target/sam/bin/sam"
    told = run(str(sam), "validate", "--lint", "--template", template, home=tmp_path)
    assert "is a valid SAM Template" in told


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_ignored_check_is_explained(template: str) -> None:
    lines = (INFRA / template).read_text().splitlines()
    for at, line in enumerate(lines):
        if "ignore_checks" in line:
            assert lines[at - 1].strip().startswith("# "), f"{template}:{at + 1}"


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_alias(template: str) -> None:
    """CloudFormation takes no YAML aliases, and the linters do not say so."""
    events = yaml.parse((INFRA / template).read_text())
    assert not [it for it in events if isinstance(it, yaml.AliasEvent)]


@pytest.mark.parametrize(
    ("cloud", "what"),
    [
        # It has no check for sets of WAF.
        *(("aws", f"--file={template}") for template in TEMPLATES if template != "waf.yaml"),
        ("gcp", "--directory=."),
        ("azure", "--directory=."),
    ],
)
def test_checkov(cloud: str, what: str, tmp_path: pathlib.Path) -> None:
    checkov = ROOT / "target/checkov/bin/checkov"
    told = run(str(checkov), "--config-file=checkov.yaml", what, "--output=json", home=tmp_path,
               folder=ROOT / "infra" / cloud)
    summary = json.loads(told)["summary"]
    assert (summary["failed"], summary["parsing_errors"]) == (0, 0)
    # It read the resources at all.
    assert summary["resource_count"] > 0

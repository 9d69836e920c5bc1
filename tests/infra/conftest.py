"""The templates as they are written, with short forms such as `!Ref` spelled out."""

import pathlib
from typing import Any

import pytest
from emulator import ROOT, Emulator
from samtranslator.yaml_helper import yaml_parse

INFRA = ROOT / "infra/aws"


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return yaml_parse((INFRA / "template.yaml").read_text())


@pytest.fixture(scope="session")
def member() -> dict[str, Any]:
    return yaml_parse((INFRA / "member.yaml").read_text())


@pytest.fixture(scope="session")
def egress() -> dict[str, Any]:
    return yaml_parse((INFRA / "egress.yaml").read_text())


@pytest.fixture(scope="session")
def waf() -> dict[str, Any]:
    return yaml_parse((INFRA / "waf.yaml").read_text())


@pytest.fixture(scope="session")
def emulator():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def do_nothing(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Folders of code that is deployed and never run."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("aws", "gcp", "azure", "digest", "intel", "respond"):
        (folder / name).mkdir()
        (folder / name / "bootstrap").write_text("#!/bin/sh\nexit 1\n")
    return folder

"""What the Bicep of the Azure side says. Nothing here compiles or deploys it."""

import re
from typing import Any

import pytest
from emulator import ROOT
from pycep import BicepParser

AZURE = ROOT / "infra/azure"
FILES = ["main", "activity-log", "sign-ins"]

Parsed = dict[str, Any]


@pytest.fixture(scope="module")
def parsed() -> dict[str, Parsed]:
    parser = BicepParser()
    return {name: parser.parse(file_path=AZURE / f"{name}.bicep") for name in FILES}


@pytest.fixture(scope="module")
def resources(parsed: dict[str, Parsed]) -> dict[str, Parsed]:
    """What main.bicep makes, by its name there."""
    return {name: it["config"] for name, it in parsed["main"]["resources"].items()}


@pytest.mark.parametrize(
    ("name", "scope"),
    [("main", "resourceGroup"), ("activity-log", "subscription"), ("sign-ins", "tenant")],
)
def test_scopes(parsed: dict[str, Parsed], name: str, scope: str) -> None:
    assert parsed[name]["globals"]["scope"]["value"] == scope


def described(declared: Parsed) -> bool:
    return any(
        it["type"] == "description" and it["argument"].endswith(".") for it in declared["decorators"]
    )


@pytest.mark.parametrize("name", FILES)
def test_parameters_and_outputs_are_described(parsed: dict[str, Parsed], name: str) -> None:
    declared = parsed[name]["parameters"] | parsed[name].get("outputs", {})
    assert [it for it, body in declared.items() if not described(body)] == []
    # No key is ever told: whoever reads outputs is not always who may read the hub.
    assert "listKeys" not in (AZURE / f"{name}.bicep").read_text()


def test_the_hub_can_be_read_through_kafka(resources: dict[str, Parsed]) -> None:
    namespace = resources["namespace"]
    assert namespace["sku"]["tier"] == "Standard", "the Basic one has no Kafka endpoint"
    assert namespace["properties"]["minimumTlsVersion"] == "1.2"
    assert resources["hub"]["parent"] == "namespace"
    assert resources["consumerGroup"]["parent"] == "hub"


def test_the_function_may_only_listen(resources: dict[str, Parsed]) -> None:
    assert resources["listenRule"]["parent"] == "hub"
    assert resources["listenRule"]["properties"]["rights"] == ["Listen"]


def test_diagnostic_settings_have_the_rule_they_need(resources: dict[str, Parsed]) -> None:
    assert resources["diagnosticsRule"]["parent"] == "namespace"
    assert resources["diagnosticsRule"]["properties"]["rights"] == ["Listen", "Manage", "Send"]


def test_both_kinds_of_logs_go_to_the_hub(parsed: dict[str, Parsed]) -> None:
    for name, kind in [
        ("activity-log", "Microsoft.Insights/diagnosticSettings"),
        ("sign-ins", "microsoft.aadiam/diagnosticSettings"),
    ]:
        setting = parsed[name]["resources"]["setting"]
        assert setting["type"] == kind
        properties = setting["config"]["properties"]
        assert properties["eventHubAuthorizationRuleId"] == "diagnosticsRuleId"
        assert properties["eventHubName"] == "hubName"
    activity = parsed["activity-log"]["resources"]["setting"]["config"]["properties"]
    assert activity["logs"] == [{"category": "Administrative", "enabled": True}]
    assert parsed["sign-ins"]["parameters"]["categories"]["default"] == [
        "SignInLogs",
        "NonInteractiveUserSignInLogs",
        "ServicePrincipalSignInLogs",
        "ManagedIdentitySignInLogs",
        "AuditLogs",
    ]


def test_outputs_are_what_the_others_ask_for(parsed: dict[str, Parsed]) -> None:
    template = (ROOT / "infra/aws/template.yaml").read_text()
    outputs = parsed["main"]["outputs"]
    assert {"bootstrapServer", "hubName", "diagnosticsRuleId"} <= outputs.keys()
    for body in outputs.values():
        (description,) = (it["argument"] for it in body["decorators"])
        named = re.search(r"The parameter (\w+) of the AWS stack", description)
        assert not named or f"\n  {named[1]}:\n" in template, description
    for name in ("activity-log", "sign-ins"):
        assert {"diagnosticsRuleId", "hubName"} <= parsed[name]["parameters"].keys()

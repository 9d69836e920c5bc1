"""One address in two clouds: two functions, one ledger, one alert."""

import json
import pathlib
import random
from typing import Any

import pytest

from . import azure, events
from .conftest import Deploy
from .deployment import Deployment, Inbox, bodies
from .events import Record
from .scan import detections, essence, scan_files, trail_object


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    return deploy(**azure.PARAMETERS)


@pytest.fixture(scope="module")
def inbox(deployment: Deployment) -> Inbox:
    return deployment.inbox()


@pytest.fixture
def reference(tmp_path: pathlib.Path):
    """The findings of a scan of both clouds' records."""

    def findings(aws: list[Record], of_azure: list[Record]) -> dict[str, dict[str, Any]]:
        trail, hub = tmp_path / "trail.json.gz", tmp_path / "hub.json"
        trail.write_bytes(trail_object(aws))
        hub.write_text(json.dumps({"records": of_azure}))
        return scan_files([trail, hub])

    return findings


def deliver(deployment: Deployment, aws: list[Record], of_azure: list[Record]) -> None:
    """Hands each cloud's records to its function."""
    assert deployment.invoke_batch(bodies(aws)) == []
    answer = deployment.invoke(azure.batch(azure.messages(of_azure)), "AzureFunctionName")
    assert answer["batchItemFailures"] == []


def test_an_address_found_in_two_clouds(
    deployment: Deployment, inbox: Inbox, reference: Any
) -> None:
    address = "203.0.113.50"
    aws, of_azure = events.incident("password-spray", address), azure.spray(address, start=600)
    ((uid, expected),) = reference(aws, of_azure).items()
    ((alone, in_one),) = reference(aws, []).items()
    # One source and day is one alert, in however many clouds.
    assert alone == uid
    deliver(deployment, aws, of_azure)
    alert = inbox.wait_for([uid])[uid]
    assert "cross-cloud" in detections(alert)
    assert essence(alert) == essence(expected)
    (reason,) = [it for it in alert["unmapped"]["score_reasons"] if "clouds" in it]
    assert "AWS" in reason and "Azure" in reason
    assert alert["risk_score"] > in_one["risk_score"]
    # First for what was found in one, and again since it is worse.
    told = [it for it in inbox.alerts() if it["finding_info"]["uid"] == uid]
    assert [it["severity"] for it in told] == [in_one["severity"], expected["severity"]]
    clouds = [json.loads(values["cloud"]) for text, values in inbox.received if uid in text]
    assert clouds == [["AWS"], ["AWS", "Azure"]]


def morning(office: str, staff: int) -> tuple[list[Record], list[Record]]:
    """What an office does at nine, where three of a hundred mistype: in one cloud and the other."""
    dice = random.Random(7)
    aws: list[Record] = []
    of_azure: list[Record] = []
    for number in range(staff):
        who, at = f"user{number}", dice.uniform(60, 900)
        if dice.random() < 0.03:
            aws.append(events.sign_in(office, who, at - 10, succeeds=False))
        if dice.random() < 0.03:
            of_azure.append(azure.sign_in(office, who, at - 5, azure.WRONG_PASSWORD))
        aws += [events.sign_in(office, who, at, succeeds=True)]
        aws += events.ordinary(office, who, 2, at + 5)
        of_azure += [azure.sign_in(office, who, at + 2), *azure.ordinary(office, who, 2, at + 20)]
    return aws, of_azure


def test_an_office_that_uses_two_clouds(
    deployment: Deployment, inbox: Inbox, reference: Any
) -> None:
    office = "203.0.113.51"
    aws, of_azure = morning(office, staff=50)
    assert reference(aws, of_azure) == {}
    before = len(inbox.alerts())
    deliver(deployment, aws, of_azure)
    assert len(deployment.entries(office)) > 100
    assert len(inbox.alerts()) == before


def test_a_large_office_that_uses_two_clouds(deployment: Deployment, reference: Any) -> None:
    """So many mistype there that it is told of, and pages nobody."""
    office = "203.0.113.52"
    paged = deployment.inbox("paged", {"severity": ["Medium", "High", "Critical"]})
    aws, of_azure = morning(office, staff=400)
    (expected,) = reference(aws, of_azure).values()
    assert "cross-cloud" in detections(expected)
    assert expected["severity"] == "Low"
    deliver(deployment, aws, of_azure)
    assert expected["finding_info"]["uid"] in deployment.alert_uids()
    assert paged.alerts() == []

"""From a hub to an alert: what Entra ID and the Activity Log write, as a mapping of Kafka delivers it.

The emulator polls no Kafka, so the function is invoked as the mapping would invoke it.
"""

import base64
import collections
import json
import pathlib
import time
from typing import Any

import pytest

from . import azure
from .conftest import Deploy
from .deployment import Deployment, Inbox
from .events import Record
from .proxy import READS, Fault, Proxy
from .scan import detections, essence, scan_files

LISTED = "198.51.100.66"
POLICY = '[[lists]]\npath = "bad.txt"\ncategory = "malicious"\n'
ADDRESSES = {
    "password-spray": "203.0.113.10",
    "error-burst": "203.0.113.11",
    "listed-source": LISTED,
    "login-after-failures": "203.0.113.12",
}


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy(**azure.PARAMETERS)
    # Before anything is read.
    deployment.policy(POLICY, bad=f"{LISTED}\n")
    return deployment


@pytest.fixture(scope="module")
def inbox(deployment: Deployment) -> Inbox:
    return deployment.inbox()


@pytest.fixture
def reference(tmp_path: pathlib.Path):
    """The findings of a scan of the same records under the same policy."""
    (tmp_path / "bad.txt").write_text(f"{LISTED}\n")
    policy, file = tmp_path / "policy.toml", tmp_path / "hub.json"
    policy.write_text(POLICY)

    def findings(records: list[Record]) -> dict[str, dict[str, Any]]:
        file.write_text(json.dumps({"records": records}))
        return scan_files([file], policy)

    return findings


def invoke(deployment: Deployment, values: list[Any]) -> Any:
    """Hands messages to the function; answers with what it would have back."""
    answer = deployment.invoke(azure.batch(values), "AzureFunctionName")
    return [it["itemIdentifier"] for it in answer["batchItemFailures"]]


@pytest.mark.parametrize("detection", azure.DETECTIONS)
def test_each_incident_is_one_alert(
    detection: str, deployment: Deployment, inbox: Inbox, reference: Any
) -> None:
    records = azure.incident(detection, ADDRESSES[detection])
    ((uid, expected),) = reference(records).items()
    before = len(inbox.alerts())
    assert invoke(deployment, azure.messages(records)) == []
    alert = inbox.wait_for([uid])[uid]
    assert detection in detections(alert)
    assert essence(alert) == essence(expected)
    assert alert["cloud"]["provider"] == "Azure"
    # All of it again, in other messages: Kafka delivers at least once.
    assert invoke(deployment, azure.messages(records, size=3)) == []
    assert len(inbox.alerts()) == before + 1


def test_both_kinds_of_logs_in_one_message(deployment: Deployment) -> None:
    address = "203.0.113.20"
    records = [*azure.failures(address, "alice", 2), *azure.denials(address, "alice", 2)]
    assert invoke(deployment, azure.messages(records)) == []
    assert len(deployment.entries(address)) == 4


def test_poison_is_set_aside_and_in_nobodys_way(deployment: Deployment) -> None:
    good, behind = "203.0.113.21", "203.0.113.22"
    poison = ["no Base64", None, b"no JSON at all", b'{"records":[{"what":"nobody knows"}]}', b"\xff\xfe"]
    values = [
        *azure.messages(azure.failures(good, "alice", 1)),
        *poison,
        *azure.messages(azure.failures(behind, "alice", 1)),
    ]
    before = len(deployment.quarantined())
    assert invoke(deployment, values) == []
    assert [len(deployment.entries(it)) for it in (good, behind)] == [1, 1]
    kept = deployment.quarantined()[before - len(deployment.quarantined()) :]
    assert len(kept) == len(poison)
    assert all(it["reason"] for it in kept)
    contents = [base64.b64decode(it["content"]) for it in kept]
    assert b"no JSON at all" in contents
    assert any(b'"no Base64"' in it for it in contents)


@pytest.mark.parametrize("payload", [{"Records": []}, {"records": [{"category": "SignInLogs"}]}, 7])
def test_what_is_no_batch_of_a_hub_is_set_aside(deployment: Deployment, payload: Any) -> None:
    answer = deployment.invoke(payload, "AzureFunctionName")
    assert answer == {"batchItemFailures": []}
    contents = [base64.b64decode(it["content"]) for it in deployment.quarantined()]
    assert json.dumps(payload).encode() in contents


def test_a_failing_world_brings_the_batch_back(
    proxy: Proxy, deployment: Deployment, inbox: Inbox, reference: Any
) -> None:
    records = azure.spray("203.0.113.23")
    proxy.set_faults(deployment.account, Fault("dynamodb", "error", operation="UpdateItem"))
    began = time.monotonic()
    try:
        with pytest.raises(AssertionError, match="Repeat"):
            invoke(deployment, azure.messages(records))
    finally:
        proxy.set_faults(deployment.account)
    # Late, since Lambda tries ten times, however fast.
    assert time.monotonic() - began > 10
    assert invoke(deployment, azure.messages(records)) == []
    (uid,) = reference(records)
    assert uid in inbox.wait_for([uid])


def test_where_the_mapping_takes_them_items_come_back(deploy: Deploy, proxy: Proxy) -> None:
    deployment = deploy(**azure.PARAMETERS, AzurePollers="1")
    alike = azure.ordinary("203.0.113.24", "alice", 1)
    assert invoke(deployment, azure.messages(alike)) == []
    evidence = azure.failures("203.0.113.25", "alice", 1)
    # Of two partitions, by turns; what was seen before writes nothing, and so cannot fail.
    values = azure.messages([*alike, *alike, *alike, *evidence, *alike, *evidence], size=1)
    proxy.set_faults(deployment.account, Fault("dynamodb", "error", operation="UpdateItem"))
    try:
        assert invoke(deployment, values) == [{"partition": "logs-1", "offset": 2001}]
    finally:
        proxy.set_faults(deployment.account)
    assert invoke(deployment, values) == []
    assert len(deployment.entries("203.0.113.25")) == 1


def test_a_thousand_records_cost_one_write_a_source_with_evidence(
    proxy: Proxy, deployment: Deployment
) -> None:
    suspects = [f"198.51.100.{number}" for number in range(1, 51)]
    office = "203.0.113.26"
    records = [
        *(it for address in suspects for it in azure.failures(address, "alice", 3)),
        *(it for address in suspects for it in azure.denials(address, "mallory", 3, start=60)),
        *(it for n in range(70) for it in azure.ordinary(office, f"user{n % 7}", 10, start=20 * n)),
    ]
    assert len(records) == 1000
    invoke(deployment, azure.messages(azure.ordinary("203.0.113.27", "zoe", 1)))
    proxy.count(deployment.account)
    assert invoke(deployment, azure.messages(records)) == []
    told = [
        it
        for it in proxy.counted(deployment.account)
        if it.service == "dynamodb" and it.key != "policy"
    ]
    assert not READS & {it.operation for it in told}
    written = collections.Counter(it.key for it in told)
    print(f"{len(records)} records of {len(suspects) + 1} sources: {len(told)} writes")
    sources = {f"source#{address}": 1 for address in [*suspects, office]}
    assert {key: count for key, count in written.items() if key in sources} == sources
    # The network around the suspects and the two they go for: each one write, and an alert.
    alerts = [key for key in written if key.startswith("alert#")]
    wide = {key: count for key, count in written.items() if key.startswith("source#")}
    assert "source#198.51.100.0/24" in wide
    assert sorted(wide[key] for key in wide.keys() - sources.keys()) == [2, 2, 2]
    assert [written[key] for key in alerts] == [2, 2, 2]
    # All of it again is nothing new.
    proxy.count(deployment.account)
    assert invoke(deployment, azure.messages(records)) == []
    assert [it for it in proxy.counted(deployment.account) if it.service == "dynamodb" and it.key != "policy"] == []

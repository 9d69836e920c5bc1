"""From a log entry to an alert: what Google writes, as Pub/Sub pushes it, and who else pushes."""

import collections
import json
import pathlib
from typing import Any

import pytest
from emulator import wait_for

from . import gcp
from .conftest import Deploy
from .deployment import Deployment, Inbox
from .events import Record
from .gcp import Subscription, unwrapped, wrapped
from .issuer import Issuer
from .proxy import READS, Fault, Proxy, Request
from .scan import detections, essence, scan_files

LISTED = "198.51.100.77"
POLICY = '[[lists]]\npath = "bad.txt"\ncategory = "malicious"\n'
ADDRESSES = {
    "password-spray": "203.0.113.30",
    "error-burst": "203.0.113.31",
    "listed-source": LISTED,
    "login-after-failures": "203.0.113.32",
}


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy(**gcp.PARAMETERS)
    # Before anything is read.
    deployment.policy(POLICY, bad=f"{LISTED}\n")
    return deployment


@pytest.fixture(scope="module")
def inbox(deployment: Deployment) -> Inbox:
    return deployment.inbox()


@pytest.fixture(scope="module")
def subscription(deployment: Deployment, issuer: Issuer) -> Subscription:
    return Subscription(deployment, issuer)


@pytest.fixture
def reference(tmp_path: pathlib.Path):
    """The findings of a scan of the same entries under the same policy."""
    (tmp_path / "bad.txt").write_text(f"{LISTED}\n")
    policy, file = tmp_path / "policy.toml", tmp_path / "entries.ndjson"
    policy.write_text(POLICY)

    def findings(entries: list[Record]) -> dict[str, dict[str, Any]]:
        file.write_text("".join(f"{json.dumps(it)}\n" for it in entries))
        return scan_files([file], policy)

    return findings


@pytest.mark.parametrize("detection", gcp.DETECTIONS)
def test_each_incident_is_one_alert(
    detection: str, subscription: Subscription, inbox: Inbox, reference: Any
) -> None:
    entries = gcp.incident(detection, ADDRESSES[detection])
    ((uid, expected),) = reference(entries).items()
    for number, it in enumerate(entries):
        assert subscription.push(unwrapped(it) if number % 2 else wrapped(it)) == 204
    told = inbox.wait_for([uid])[uid]
    assert told["cloud"]["provider"] == "GCP"
    # All of it again: Pub/Sub delivers at least once, and sinks repeat themselves.
    before = len(inbox.alerts())
    for it in reversed(entries):
        assert subscription.push(wrapped(it, attempt=2)) == 204
    assert len(inbox.alerts()) == before
    alerts = [it for it in inbox.alerts() if detection in detections(it)]
    assert {it["finding_info"]["uid"] for it in alerts} == {uid}
    # Told while it grew, it is announced again only where it turned worse; then it is the same.
    assert alerts[-1]["severity"] == expected["severity"]


def test_an_alert_says_what_a_scan_says(
    deployment: Deployment, subscription: Subscription, reference: Any
) -> None:
    address = "203.0.113.33"
    entries = gcp.incident("login-after-failures", address)
    for it in entries:
        assert subscription.push(wrapped(it)) == 204
    deployment.forget_announcements()
    inbox = deployment.inbox("anew")
    assert subscription.push(wrapped(entries[0])) == 204
    ((uid, expected),) = reference(entries).items()
    assert essence(inbox.wait_for([uid])[uid]) == essence(expected)


def strangers(issuer: Issuer) -> dict[str, tuple[list[str], int]]:
    """Headers that nobody is let in with, and what they are answered. The verifier's own tests have
    all there are."""
    audience, account = gcp.AUDIENCE, gcp.SERVICE_ACCOUNT
    imposter = Issuer()
    imposter.close()
    token = issuer.token(audience, account)
    another = issuer.token(audience, f"mallory@{gcp.PROJECT}.iam.gserviceaccount.com")
    unverified = issuer.token(audience, account, email_verified=False)
    return {
        "none": ([], 401),
        "Basic": (["Basic dXNlcjpwYXNzd29yZA=="], 401),
        "junk": (["Bearer junk"], 401),
        "tampered": ([f"Bearer {token[:-8]}AAAAAAAA"], 401),
        "twice": ([f"Bearer {token}", f"Bearer {token}"], 401),
        "a key that was made up": ([f"Bearer {imposter.token(audience, account)}"], 401),
        "another audience": ([f"Bearer {issuer.token('https://example.com/', account)}"], 401),
        "expired": ([f"Bearer {issuer.token(audience, account, exp=1_700_000_000)}"], 401),
        "another account": ([f"Bearer {another}"], 403),
        "not verified": ([f"Bearer {unverified}"], 403),
    }


def test_strangers_leave_nothing_behind(
    deployment: Deployment, subscription: Subscription, issuer: Issuer
) -> None:
    address = "203.0.113.34"
    bodies = [*map(wrapped, gcp.incident("password-spray", address)), b"junk of strangers", b""]
    assert subscription.push(wrapped(gcp.failures("203.0.113.35", "alice", 1)[0])) == 204
    kept, asked = len(deployment.quarantined()), issuer.asked
    for name, (values, status) in strangers(issuer).items():
        headers = [("Authorization", it) for it in values]
        for body in bodies:
            assert subscription.request("POST", body, headers) == status, name
    assert deployment.entries(address) == frozenset()
    assert len(deployment.quarantined()) == kept
    # One of them names a key that is not known.
    assert issuer.asked <= asked + 1
    function = deployment.outputs["GcpFunctionName"]
    log = wait_for("the log", lambda: "".join(deployment.stack.function_log(function)))
    assert "pushes were refused" in log
    assert "junk of strangers" not in log and address not in log


def test_what_is_no_push(deployment: Deployment, subscription: Subscription) -> None:
    bearer = [("Authorization", f"Bearer {subscription.token}")]
    kept = len(deployment.quarantined())
    for method, body, status in [
        ("GET", b"", 405),
        ("PUT", wrapped(gcp.failures("203.0.113.36", "alice", 1)[0]), 405),
        ("POST", b"", 400),
        ("POST", b" " * (1024 * 1024 + 1), 400),
    ]:
        assert subscription.request(method, body, bearer) == status, (method, body[:20])
    assert len(deployment.quarantined()) == kept
    # Neither is anything else that the function is invoked with.
    for payload in [{}, [], 7, {"Records": []}, {"version": "2.0", "headers": {}}]:
        assert deployment.invoke(payload, "GcpFunctionName") == {"statusCode": 400}


def test_what_can_never_be_read_is_set_aside(
    deployment: Deployment, subscription: Subscription
) -> None:
    it = gcp.failures("203.0.113.37", "alice", 1)[0]
    bodies = [
        b"no JSON at all",
        b"\x00\xff\xfe",
        b"{}",
        b'{"message":{"data":"!","messageId":"1"},"subscription":"s"}',
        b'{"message":{"attributes":{"a":"b"},"messageId":"1"},"subscription":"s"}',
        wrapped(it)[:-40],
    ]
    before = len(deployment.quarantined())
    for body in bodies:
        assert subscription.push(body) == 204, body
    kept = deployment.quarantined()
    assert len(kept) == before + len(bodies)
    assert all(it["reason"] for it in kept)
    assert subscription.push(wrapped(it)) == 204
    assert len(deployment.entries("203.0.113.37")) == 1


def test_a_failing_world_is_told_to_come_back(
    proxy: Proxy, deployment: Deployment, subscription: Subscription, inbox: Inbox, reference: Any
) -> None:
    address = "203.0.113.38"
    entries = gcp.incident("password-spray", address)
    ((uid, _),) = reference(entries).items()
    for service, operation, pushes in [("dynamodb", "UpdateItem", 1), ("sns", None, 6)]:
        proxy.set_faults(deployment.account, Fault(service, "error", operation=operation))
        try:
            statuses = [subscription.push(wrapped(it)) for it in entries[:pushes]]
        finally:
            proxy.set_faults(deployment.account)
        assert statuses[-1] == 503, (service, statuses)
        assert uid not in inbox.newest()
    # Whoever was announcing may still be, until the lease ends.
    again = wrapped(entries[-1], attempt=3)
    assert subscription.push(again) == 503
    deployment.forget_announcements()
    assert subscription.push(again) == 204
    assert uid in inbox.wait_for([uid])
    assert len(deployment.entries(address)) == len(entries)


def test_without_keys_nobody_is_let_in_and_nothing_is_lost(
    deployment: Deployment, subscription: Subscription, issuer: Issuer
) -> None:
    address = "203.0.113.39"
    it = wrapped(gcp.failures(address, "alice", 1)[0])
    assert subscription.push(it) == 204
    issuer.is_away = True
    try:
        # A warm function has them.
        assert subscription.push(it) == 204
        deployment.kill()
        asked = issuer.asked
        assert [subscription.push(it) for _ in range(5)] == [503] * 5
        assert issuer.asked == asked + 1
    finally:
        issuer.is_away = False
        deployment.kill()
    assert subscription.push(it) == 204


def writes(proxy: Proxy, deployment: Deployment) -> list[Request]:
    """The requests to DynamoDB, but those that look after the policy."""
    told = proxy.counted(deployment.account)
    return [it for it in told if it.service == "dynamodb" and it.key != "policy"]


def test_a_thousand_pushes_of_one_source(
    proxy: Proxy, deployment: Deployment, subscription: Subscription
) -> None:
    """They cost one write each until its window is full, and then nothing."""
    address = "203.0.113.40"
    entries = gcp.failures(address, "alice", 1000, pause=0.25)
    assert subscription.push(wrapped(gcp.failures("203.0.113.41", "zoe", 1)[0])) == 204
    proxy.count(deployment.account)
    costs = []
    for it in entries:
        before = len(writes(proxy, deployment))
        assert subscription.push(wrapped(it)) == 204
        costs.append(len(writes(proxy, deployment)) - before)
    told = writes(proxy, deployment)
    assert not READS & {it.operation for it in told}
    full = costs.index(0)
    of = dict(collections.Counter(it.key.partition("#")[0] for it in told))
    print(f"1000 pushes of one source: {len(told)} writes {of}, none after push {full}")
    assert set(costs[full:]) == {0}
    assert full < 200
    # Beside one each, fifteen of its network and its account, and what announcing costs.
    assert len(told) - full <= 2 * 15 + 5

"""From an event to its alert: each detection, whom it reaches, and how often."""

import pathlib
from typing import Any

import pytest
from emulator import wait_for
from ocsf import faults

from . import events
from .conftest import Deploy
from .deployment import Deployment, Inbox
from .scan import detections, scan, succeeded

LISTED = "198.51.100.66"
POLICY = '[[lists]]\npath = "bad.txt"\ncategory = "malicious"\n'
ADDRESSES = dict(zip(events.DETECTIONS[:-1], (f"203.0.113.{n}" for n in range(10, 20))))
ADDRESSES["listed-source"] = LISTED


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy()
    # Before anything is read.
    deployment.policy(POLICY, bad=f"{LISTED}\n")
    return deployment


@pytest.fixture(scope="module")
def inbox(deployment: Deployment) -> Inbox:
    return deployment.inbox()


@pytest.fixture(scope="module")
def grave(deployment: Deployment, inbox: Inbox) -> Inbox:
    """Who wants what is grave alone."""
    return deployment.inbox("grave", {"severity": ["High", "Critical"]})


@pytest.fixture
def reference(tmp_path: pathlib.Path):
    """The findings of a scan of the same records under the same policy."""
    (tmp_path / "bad.txt").write_text(f"{LISTED}\n")
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    return lambda records: scan(records, tmp_path, policy)


def told_of(inbox: Inbox, uid: str) -> list[dict[str, Any]]:
    return [it for it in inbox.alerts() if it["finding_info"]["uid"] == uid]


@pytest.mark.parametrize("detection", events.DETECTIONS)
def test_each_detection(
    detection: str,
    deployment: Deployment,
    inbox: Inbox,
    grave: Inbox,
    reference: Any,
) -> None:
    records = events.incident(detection, ADDRESSES[detection])
    ((uid, expected),) = reference(records).items()
    deployment.put(records)

    def is_final() -> bool:
        return any(it["severity"] == expected["severity"] for it in told_of(inbox, uid))

    wait_for(f"an alert of {detection} as grave as in a scan", is_final)
    deployment.wait_until_idle()
    alert = told_of(inbox, uid)[-1]
    assert alert["finding_info"]["analytic"]["uid"] in detections(expected)
    assert alert["severity"] == expected["severity"]
    assert list(faults(alert)) == []
    attributes = [values for told, values in inbox.received if uid in told][-1]
    assert attributes["severity"] == expected["severity"]
    assert attributes["detection"] == alert["finding_info"]["analytic"]["uid"]
    assert attributes["cloud"] in ("AWS", '["AWS"]')
    assert events.ACCOUNT in attributes["account"]
    # Only what is worse than before, or that somebody got in.
    told = [(it["severity_id"], succeeded(it)) for it in told_of(inbox, uid)]
    for place, (severity, success) in enumerate(told):
        assert not any(
            other >= severity and (had_success or not success)
            for other, had_success in told[:place]
        ), told
    if expected["severity"] in ("High", "Critical"):
        assert uid in grave.wait_for([uid])


def test_a_filter_on_severity(
    deployment: Deployment, inbox: Inbox, grave: Inbox, reference: Any
) -> None:
    mild, bad = events.denials("203.0.113.30", "mallory", 16), events.brute_force("203.0.113.31")
    # The mild one is known to be a person's who works there.
    mild = events.ordinary("203.0.113.30", "mallory", 1, start=-60) + mild
    ((mild_uid, mild_one),) = reference(mild).items()
    ((bad_uid, _),) = reference(bad).items()
    assert mild_one["severity"] == "Low"
    deployment.put(mild)
    inbox.wait_for([mild_uid])
    deployment.put(bad)
    assert mild_uid not in grave.wait_for([bad_uid])
    assert {it["severity"] for it in grave.alerts()} <= {"High", "Critical"}


def test_amended_and_not_repeated(deployment: Deployment, inbox: Inbox) -> None:
    address = "203.0.113.40"
    deployment.put(events.failures(address, "alice", 12))
    (uid,) = wait_for("the alert", lambda: of_address(inbox, address))
    deployment.wait_until_idle()
    before = len(told_of(inbox, uid))
    deployment.put(events.failures(address, "alice", 24))
    deployment.wait_until_idle()
    assert len(deployment.entries(address)) == 24
    assert len(told_of(inbox, uid)) == before


def test_told_again_when_it_gets_worse(deployment: Deployment, inbox: Inbox) -> None:
    address = "203.0.113.41"
    # Somebody who works there, so that the denials are Low.
    deployment.put(events.ordinary(address, "mallory", 1, start=-60))
    deployment.put(events.denials(address, "mallory", 16))
    ((uid, mild),) = wait_for("the alert", lambda: of_address(inbox, address)).items()
    deployment.wait_until_idle()
    deployment.put([events.privileged(address, "mallory", 300)])

    def risen() -> list[dict[str, Any]]:
        return [it for it in told_of(inbox, uid) if it["severity_id"] > mild["severity_id"]]

    (worse,) = wait_for("the rise", risen)
    assert (mild["activity_name"], worse["activity_name"]) == ("Create", "Update")
    assert worse["finding_info"]["analytic"]["uid"] == "success-after-denials"
    assert len(told_of(inbox, uid)) == 2


def test_who_gets_in_after_the_failures_were_told_is_told_once(
    deployment: Deployment, inbox: Inbox
) -> None:
    address = "203.0.113.43"
    deployment.put(events.failures(address, "alice", 12))
    ((uid, failures),) = wait_for("the alert", lambda: of_address(inbox, address)).items()
    deployment.wait_until_idle()
    before = len(told_of(inbox, uid))
    deployment.put([events.sign_in(address, "alice", 200, succeeds=True)])

    def got_in() -> list[dict[str, Any]]:
        analytic = lambda it: it["finding_info"]["analytic"]["uid"]  # noqa: E731
        return [it for it in told_of(inbox, uid) if analytic(it) == "login-after-failures"]

    (success,) = wait_for("the success", got_in)
    assert (failures["activity_name"], success["activity_name"]) == ("Create", "Update")
    # Who subscribes to what is grave hears of it too.
    assert success["severity_id"] >= failures["severity_id"]
    deployment.put([events.sign_in(address, "alice", 300, succeeds=True)])
    deployment.put(events.failures(address, "alice", 3, start=400))
    deployment.wait_until_idle()
    assert len(told_of(inbox, uid)) == before + 1


def test_a_brute_force_that_succeeds_is_one_alert(
    deployment: Deployment, inbox: Inbox, reference: Any
) -> None:
    address = "203.0.113.42"
    ((uid, expected),) = reference(events.brute_force(address)).items()
    deployment.put(events.brute_force(address))
    worst = lambda: [  # noqa: E731
        it for it in told_of(inbox, uid) if it["severity"] == expected["severity"]
    ]
    wait_for("the alert as grave as in a scan", worst)
    deployment.wait_until_idle()
    assert of_address(inbox, address).keys() == {uid}
    assert uid in deployment.alert_uids()


def of_address(inbox: Inbox, address: str) -> dict[str, dict[str, Any]]:
    """The newest alert of each uid that accuses an address."""
    return {
        uid: it
        for uid, it in inbox.newest().items()
        if any(observable["value"] == address for observable in it["observables"])
    }

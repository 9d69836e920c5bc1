"""What people do with a deployed stack from the command line."""

import datetime
import json
import os
import subprocess

import pytest

from . import events
from .conftest import Deploy
from .deployment import Deployment, bodies
from .scan import CALLERWATCH


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    return deploy()


def command(deployment: Deployment, *arguments: str) -> str:
    """What a command says, run against the deployment."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": deployment.emulator.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": deployment.account,
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    told = subprocess.run(
        [str(CALLERWATCH), *arguments, "--table", deployment.outputs["TableName"]],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_a_drill(deployment: Deployment) -> None:
    """A made-up incident comes through."""
    told = command(deployment, "test-alert")
    assert "sent    13 made-up sign-ins" in told
    # Announced when it opens; by then all of it may not be there.
    assert "alert   " in told and "sign-in" in told.partition("alert   ")[2]


def test_investigation(deployment: Deployment) -> None:
    """All that the table knows of one address, judged as the functions judged it."""
    records = events.failures("203.0.113.70", "guessed", 12)
    assert deployment.invoke_batch(bodies(records)) == []
    told = json.loads(command(deployment, "investigate", "203.0.113.70", "--format", "json"))
    assert told["calls"]["outcomes"] == {"sign-in failed": 12}
    assert told["is_known"] and not told["has_all_calls"]
    [principal] = told["principals"]
    assert "guessed" in principal["name"] and principal["calls"]["count"] == 12
    [finding] = told["findings"]
    assert finding["finding_info"]["uid"] in deployment.alert_uids()
    assert [it["severity"] for it in told["announced"]] == [finding["severity"]]

    text = command(deployment, "investigate", "203.0.113.70")
    for part in ("12 sign-in failed", "announced   ", "12 failed sign-ins from 203.0.113.70"):
        assert part in text, text
    stranger = command(deployment, "investigate", "203.0.113.71")
    assert "none: nothing is known of it in the ledger" in stranger, stranger
    before = deployment.items()
    command(deployment, "investigate", "2001:db8::1")
    assert deployment.items() == before, "asking writes nothing"


def test_investigation_of_a_network(deployment: Deployment) -> None:
    """An alert that no address has by itself is told with each of its addresses, and alone."""
    records = [
        record
        for n in range(8)
        for record in events.failures(f"192.0.2.{n + 1}", f"rotated{n}", 1, 10 * n)
    ]
    assert deployment.invoke_batch(bodies(records)) == []
    title = "8 failed sign-ins of 8 accounts from 192.0.2.0/24 (8 addresses)"
    text = command(deployment, "investigate", "192.0.2.3")
    for part in ("No alerts of its own.", "1 alert of its network 192.0.2.0/24: 1 High", title):
        assert part in text, text
    told = json.loads(command(deployment, "investigate", "192.0.2.0/24", "--format", "json"))
    assert told["calls"]["outcomes"] == {"sign-in failed": 8} and told["others"] == []
    assert told["addresses"] == [f"192.0.2.{n + 1}" for n in range(8)]
    [finding] = told["findings"]
    assert finding["finding_info"]["title"] == title
    assert finding["finding_info"]["uid"] in deployment.alert_uids()


def test_erasure(deployment: Deployment) -> None:
    """Nothing is left of a principal, and all of others."""
    everybody = {
        "203.0.113.60": events.failures("203.0.113.60", "erased", 12),
        "203.0.113.61": events.failures("203.0.113.61", "kept", 12),
        # One address of both.
        "203.0.113.62": events.ordinary("203.0.113.62", "erased", 1)
        + events.ordinary("203.0.113.62", "kept", 1),
    }
    for records in everybody.values():
        assert deployment.invoke_batch(bodies(records)) == []
    before = deployment.ledgers()
    alerts = deployment.alert_uids()
    said = "1 alerts, and 0 baselines"

    told = command(deployment, "erase", "ERASED", "--dry-run")
    # Twelve failures, in three ledgers each, and a success.
    assert told.startswith("would erase 37 entries") and said in told, told
    assert deployment.ledgers() == before

    told = command(deployment, "erase", "ERASED")
    assert told.startswith("erased 37 entries") and said in told, told
    after = deployment.ledgers()
    assert after.get("source#203.0.113.60", frozenset()) == frozenset()
    assert after["source#203.0.113.61"] == before["source#203.0.113.61"]
    assert len(after["source#203.0.113.62"]) == 1 < len(before["source#203.0.113.62"])
    around = "source#203.0.113.0/24"
    assert len(before[around]) - len(after[around]) == 12
    principals = [key for key in before if key.startswith("source#principal:")]
    assert len([key for key in principals if key in after]) == len(principals) - 1
    assert len(alerts - deployment.alert_uids()) == 1
    # In no form: neither in words nor inside of bytes.
    for item in deployment.items():
        assert "erased" not in str(item), item
    assert "kept" in str(deployment.items())

    told = command(deployment, "erase", "erased")
    assert told.startswith("erased 0 entries and 0 samples of 0 sources, 0 alerts"), told


def listed(deployment: Deployment, *arguments: str) -> dict[str, dict[str, object]]:
    """The alerts that are listed, by their sources."""
    told = command(deployment, "alerts", "list", "--format", "json", *arguments)
    alerts = [json.loads(line) for line in told.splitlines()]
    return {str(it["source"]): it for it in alerts}


def test_alerts_are_listed_shown_closed_and_suppressed(deployment: Deployment) -> None:
    # Within the day, since others close by themselves.
    now = datetime.datetime.now(datetime.UTC)
    start = (now - events.NOON).total_seconds() - 600
    closed, suppressed = "203.0.113.72", "203.0.113.73"
    burst = events.denials(closed, "mallory", 16, start)
    failures = events.failures(suppressed, "alice", 12, start)
    assert deployment.invoke_batch(bodies(burst + failures)) == []
    alerts = listed(deployment)
    assert {closed, suppressed} <= alerts.keys()
    scores = [it["risk_score"] for it in alerts.values()]
    assert scores == sorted(scores, reverse=True)
    assert alerts[closed]["status"] == "New" and alerts[closed]["told"] == "alone"
    assert listed(deployment, "--severity", "critical") == {}
    uid = str(alerts[closed]["uid"])

    told = command(deployment, "alerts", "show", uid)
    for part in [closed, "state    open", "why      +", "error-burst", "mallory", uid, "told     2"]:
        assert part in told, f"{part!r} is not in\n{told}"

    assert command(deployment, "alerts", "close", uid, "--reason", "a \x1b[31mphone") == (
        f"closed {uid}\n"
    )
    assert closed not in listed(deployment)
    every = listed(deployment, "--all")
    assert every[closed]["status"] == "Resolved"
    told = command(deployment, "alerts", "show", uid)
    assert "closed: a \\u{1b}[31mphone" in told and "\x1b" not in told
    finding = json.loads(command(deployment, "alerts", "show", uid, "--format", "json"))
    assert (finding["activity_id"], finding["status_id"], finding["type_uid"]) == (3, 4, 200403)

    uid = str(alerts[suppressed]["uid"])
    until = now.date() + datetime.timedelta(days=30)
    told = command(
        deployment, "alerts", "suppress", uid, "--until", str(until), "--reason", "known"
    )
    policy = f'[[suppressions]]\ndetection = "login-failures"\nsource = "{suppressed}"\n'
    assert f'{policy}until = {until}\nreason = "known"\n' in told
    assert suppressed not in listed(deployment)
    assert listed(deployment, "--all")[suppressed]["status"] == "Suppressed"

    # Told again at a higher severity, it is open again.
    key = events.privileged(closed, "mallory", start + 260)
    assert deployment.invoke_batch(bodies([key])) == []
    again = listed(deployment)[closed]
    assert (again["status"], again["severity"], again["uid"]) == ("New", "Medium", alerts[closed]["uid"])

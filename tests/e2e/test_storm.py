"""A storm, at reduced size: many addresses at once, one of which gets in.

What is told at once stays within budgets, the one that got in is told at once, the rest in one
digest, and nothing is lost. The whole size is simulated in tests/storm.rs.
"""

import datetime
import json
from typing import Any

import pytest
from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment, bodies
from .proxy import Proxy

ADDRESSES = [f"192.0.2.{n}" for n in range(1, 121)]
REAL = "203.0.113.99"
BUDGET = 10
POLICY = f"[announcements]\nhigh = {BUDGET}\n"


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy()
    deployment.policy(POLICY)
    return deployment


def an_hour_passes(deployment: Deployment) -> int:
    """As if what is due were of an hour that is over; says how much that is."""
    table = deployment.outputs["TableName"]
    due = [it for it in deployment.items() if it["pk"]["S"].startswith("digest#")]
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=2)
    for item in due:
        key = {"pk": item["pk"], "sk": item["sk"]}
        deployment.dynamodb.delete_item(TableName=table, Key=key)
        moved = item | {"pk": {"S": f"digest#{past:%Y-%m-%dT%H}"}}
        deployment.dynamodb.put_item(TableName=table, Item=moved)
    return len(due)


def digests(told: list[tuple[str, dict[str, str]]]) -> list[dict[str, Any]]:
    """The digests among messages."""
    return [json.loads(body) for body, values in told if values["detection"] == "digest"]


def test_a_storm(proxy: Proxy, deployment: Deployment) -> None:
    inbox = deployment.inbox()
    sprays = [events.incident("password-spray", address) for address in ADDRESSES]
    halves = [sprays[: len(sprays) // 2], sprays[len(sprays) // 2 :]]
    proxy.count(deployment.account)
    for half in halves:
        assert deployment.invoke_batch(bodies([it for spray in half for it in spray])) == []
        if half is halves[0]:
            # It tries like all others, and is left to the digest; then it gets in.
            real = events.incident("password-spray", REAL)
            assert deployment.invoke_batch(bodies(real)) == []
            got_in = events.sign_in(REAL, "frank", 180, succeeds=True)
            assert deployment.invoke_batch(bodies([got_in])) == []
    requests = [it for it in proxy.counted(deployment.account) if it.service == "dynamodb"]
    budgets = [it for it in requests if it.key.startswith("budget#")]
    # One for each that is told at once, and one that learns that the budget is spent; and the share
    # of the account that got in.
    assert len(budgets) <= BUDGET // 2 + 1 + 1 + 1, budgets

    def told_at_once() -> list[dict[str, Any]] | None:
        told = [it for it in inbox.alerts() if "finding_info" in it]
        return told if any(REAL in json.dumps(it) for it in told) else None

    told = wait_for("the one that got in", told_at_once)
    # Half of the budget is kept for those that get in.
    assert len(told) == BUDGET // 2 + 1
    (real,) = [it for it in told if REAL in json.dumps(it)]
    assert "login-after-failures" in json.dumps(real["finding_info"])
    # What was left to the digest was told to nobody yet.
    assert real["activity_name"] == "Create"
    alone = {it["finding_info"]["uid"] for it in told}

    due = an_hour_passes(deployment)
    # The network's ledger is too small to know of so many addresses that each tells of itself, so
    # what it has no proof of may be told once for the network.
    titles = [it["title"]["S"] for it in deployment.items() if "told" in it]
    of_network = sum("192.0.2.0/24" in title for title in titles)
    assert of_network <= 1
    subjects = len(ADDRESSES) + 1 + of_network
    assert due == subjects - len(told)
    assert deployment.invoke({}, "DigestFunctionName") == {"alerts": due}
    (digest,) = wait_for("the digest", lambda: inbox.read() or digests(inbox.received))
    assert (digest["count"], digest["more"]) == (due, due - len(digest["alerts"]))
    assert digest["counts"] == {"High": due}
    (values,) = [values for _, values in inbox.received if values["detection"] == "digest"]
    assert "AWS" in values["cloud"]
    assert events.ACCOUNT in values["account"]
    # Once told, never again.
    assert deployment.invoke({}, "DigestFunctionName") == {"alerts": 0}
    inbox.read()
    assert len(digests(inbox.received)) == 1

    # Nothing is lost: each address is an alert of the table, told in one way or the other.
    alerts = {it["pk"]["S"].removeprefix("alert#"): it for it in deployment.items() if "told" in it}
    assert len(alerts) == subjects
    in_digest = {uid for uid, it in alerts.items() if it["told"]["S"].startswith("digest of ")}
    assert {uid for uid, it in alerts.items() if it["told"]["S"] == "alone"} == alone
    assert in_digest | alone == alerts.keys()
    assert len(in_digest) == due
    assert {it["uid"] for it in digest["alerts"]} <= alerts.keys()


def test_what_is_suppressed_is_kept_and_not_told(deployment: Deployment) -> None:
    inbox = deployment.inbox("silent")
    until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=30)
    address = "198.51.100.77"
    deployment.policy(
        POLICY
        + f'[[suppressions]]\nsource = "{address}"\nuntil = {until}\nreason = "a drill"\n'
    )
    # Another policy is in force in a new function at once.
    deployment.kill()
    deployment.put(events.incident("error-burst", address))

    def suppressed() -> list[dict[str, Any]]:
        return [it for it in deployment.items() if "suppressed" in it]

    (alert,) = wait_for("the alert", suppressed)
    assert alert["suppressed"]["S"] == "a drill"
    finding = json.loads(alert["finding"]["S"])
    assert (finding["status_id"], finding["status_detail"]) == (3, "a drill")
    assert not alert.keys() & {"announced", "announced_success"}
    assert inbox.alerts() == []
    assert wait_for("the metric", lambda: deployment.metric("Suppressed")) >= 1

    # Without the suppression, the next call of it is news.
    deployment.policy(POLICY)
    deployment.kill()
    deployment.put(events.denials(address, "mallory", 1, 200))
    (told,) = wait_for("the alert", inbox.alerts)
    assert address in json.dumps(told)

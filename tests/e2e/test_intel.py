"""Feeds: one changes, the schedule runs, and a warm function alerts on what is newly listed."""

import json
from typing import Any

from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment

# Feeds are files beside the policy, so that nothing here asks the Internet.
POLICY = """
[feeds]
shipped = false

[feeds.ours]
path = "feeds/bad.txt"
category = "malicious"
refresh_minutes = 1
"""
# What is new is to be in use within a minute.
IN_USE_SECS = 60
# The emulator's schedules come once a minute.
SCHEDULED_SECS = 150
KNOWN = "203.0.113.60"
NEW = "203.0.113.61"


def feed(deployment: Deployment, *addresses: str) -> None:
    """What the feed says from now on."""
    body = "".join(f"{it}\n" for it in addresses).encode()
    deployment.s3.put_object(Bucket=deployment.state_bucket, Key="feeds/bad.txt", Body=body)


def refresh(deployment: Deployment) -> dict[str, Any]:
    """Invokes the function as a person does who does not want to wait."""
    told = deployment.functions.invoke(
        FunctionName=deployment.outputs["IntelFunctionName"], Payload=b'{"force": true}'
    )
    answer = json.loads(told["Payload"].read())
    assert "FunctionError" not in told, answer
    return answer


def compiled(deployment: Deployment) -> bytes:
    """What the feeds were compiled to; nothing where there is none yet."""
    try:
        told = deployment.s3.get_object(Bucket=deployment.state_bucket, Key="intel/current-4.cwi")
    except deployment.s3.exceptions.NoSuchKey:
        return b""
    return told["Body"].read()


def feed_lines(deployment: Deployment) -> list[dict[str, Any]]:
    """What the log says of all feeds, as metrics."""
    log = deployment.stack.function_log(deployment.outputs["IntelFunctionName"])
    lines = [json.loads(it) for it in log if it.startswith("{")]
    return [it for it in lines if "OldestFeedAge" in it]


def test_a_changed_feed_is_alerted_on_by_a_warm_function(deploy: Deploy) -> None:
    deployment = deploy(FeedsSchedule="rate(1 minute)")
    inbox = deployment.inbox()
    deployment.policy(POLICY)
    feed(deployment, KNOWN, "203.0.113.62", "203.0.113.63")
    calls = events.ordinary(NEW, "alice", 3)
    deployment.invoke({"Records": calls})
    bootstraps = set(deployment.emulator.bootstraps())

    # The schedule's own event, and nobody's help.
    first = wait_for("the schedule", lambda: compiled(deployment), SCHEDULED_SECS)
    deployment.invoke({"Records": calls})
    assert inbox.alerts() == []
    feed(deployment, KNOWN, "203.0.113.62", "203.0.113.63", NEW)
    wait_for("the schedule to come again", lambda: compiled(deployment) != first, SCHEDULED_SECS)

    def alert() -> dict[str, Any] | None:
        deployment.invoke({"Records": calls})
        alerts = inbox.alerts()
        return alerts[-1] if alerts else None

    told = wait_for("an alert on the newly listed address", alert, IN_USE_SECS)
    assert told["finding_info"]["analytic"]["uid"] == "listed-source"
    assert NEW in json.dumps(told["observables"])
    # By the same process.
    assert bootstraps & set(deployment.emulator.bootstraps())


def test_a_feed_that_cannot_be_believed_changes_nothing(deploy: Deploy) -> None:
    deployment = deploy(LearnEgress="false")
    deployment.policy(POLICY)
    feed(deployment, KNOWN, "203.0.113.62")
    assert refresh(deployment) == {"ours": "new"}
    before = compiled(deployment)
    assert refresh(deployment) == {"ours": "unchanged"}
    feed(deployment, KNOWN, "0.0.0.0/0")
    told = refresh(deployment)
    assert told == {"ours": "refused: it names a prefix wider than anybody holds"}
    deployment.s3.delete_object(Bucket=deployment.state_bucket, Key="feeds/bad.txt")
    assert refresh(deployment)["ours"].startswith("not fetched: reading it: ")
    assert compiled(deployment) == before
    lines = wait_for("the log", lambda: len(it := feed_lines(deployment)) == 4 and it)
    refused = [(it["FeedsNew"], it["FeedsRefused"], it["FeedsFailed"]) for it in lines]
    assert sorted(refused) == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    assert all(it["FeedsMissing"] == 0 for it in lines)

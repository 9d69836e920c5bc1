"""Every form that input takes, alone, in mixed and in large batches, and what can never be read."""

import base64
import gzip
import json
import urllib.parse

import pytest
from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment, bodies, logs_payload


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    return deploy(with_trail=True)


def denial(address: str) -> events.Record:
    return events.denials(address, "mallory", 1)[0]


def key(name: str) -> str:
    return f"AWSLogs/{events.ACCOUNT}/CloudTrail/us-east-1/{name}.json.gz"


def test_every_form_in_one_batch(deployment: Deployment) -> None:
    addresses = [f"203.0.113.{number}" for number in range(60, 66)]
    keys = [*(key(f"of {number}+x") for number in range(3)), key("of-3")]
    # Notices of their own come through the queue too, and change nothing.
    for name, address in zip(keys, addresses):
        deployment.store(name, [denial(address)])
    quoted = [urllib.parse.quote_plus(name) for name in keys]
    notice = deployment.notice
    batch = [
        json.dumps(notice(quoted[0])),
        json.dumps({"Type": "Notification", "Message": json.dumps(notice(quoted[1]))}),
        json.dumps(
            {
                "version": "0",
                "source": "aws.s3",
                "detail-type": "Object Created",
                "detail": {"bucket": {"name": deployment.trail}, "object": {"key": keys[2]}},
            }
        ),
        json.dumps({"s3Bucket": deployment.trail, "s3ObjectKey": [keys[3]]}),
        json.dumps(events.envelope(denial(addresses[4]))),
        json.dumps(denial(addresses[5])),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": deployment.trail}),
    ]
    assert deployment.invoke_batch(batch) == []
    assert deployment.quarantined() == []
    ledgers = deployment.ledgers()
    assert {address: len(ledgers.get(f"source#{address}", ())) for address in addresses} == {
        address: 1 for address in addresses
    }


@pytest.mark.parametrize("form", ["event", "records", "logs", "notice", "sns"])
def test_each_form_directly(deployment: Deployment, form: str) -> None:
    address = f"203.0.113.{70 + ['event', 'records', 'logs', 'notice', 'sns'].index(form)}"
    record = denial(address)
    deployment.store(key(form), [record] if form in ("notice", "sns") else [])
    notice = deployment.notice(key(form))
    sns = {"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": json.dumps(notice)}}
    payloads = {
        "event": events.envelope(record),
        "records": {"Records": [record]},
        "logs": logs_payload([record]),
        "notice": notice,
        "sns": {"Records": [sns]},
    }
    deployment.invoke(payloads[form])
    assert len(deployment.entries(address)) == 1


def test_a_large_batch(deployment: Deployment) -> None:
    calls = [
        call
        for number in range(50)
        for call in events.reconnaissance(f"198.51.100.{number}", "mallory", 20)
    ]
    assert len(calls) == 1000
    assert deployment.invoke_batch(bodies(calls)) == []
    ledgers = deployment.ledgers()
    counts = {len(ledgers[f"source#198.51.100.{number}"]) for number in range(50)}
    assert counts == {20}


def test_what_can_never_be_read(deployment: Deployment) -> None:
    before = len(deployment.quarantined())
    address = "203.0.113.90"
    torn = gzip.compress(json.dumps({"Records": [denial(address)]}).encode())[:-20]
    deployment.store(key("torn"), torn)
    batch = [
        "no JSON at all",
        json.dumps({"what": "nobody knows"}),
        json.dumps(deployment.notice(key("not-there"))),
        json.dumps(deployment.notice(key("torn"))),
        *bodies([denial("203.0.113.91")]),
    ]
    assert deployment.invoke_batch(batch) == []
    assert len(deployment.entries("203.0.113.91")) == 1
    kept = deployment.quarantined()
    assert len(kept) >= before + 2
    assert all(it["reason"] for it in kept)
    contents = {base64.b64decode(it["content"]) for it in kept}
    assert b"no JSON at all" in contents
    wait_for("the metrics", lambda: deployment.metric("Quarantined") >= 2)


def test_dated_ahead_of_now_is_refused(deployment: Deployment) -> None:
    address = "203.0.113.92"
    forged = denial(address) | {"eventTime": "2099-01-01T00:00:00Z"}
    assert deployment.invoke_batch(bodies([forged])) == []
    assert deployment.entries(address) == frozenset()


def test_bad_input_through_the_queue_is_no_dead_letter(deployment: Deployment) -> None:
    kept = len(deployment.quarantined())
    deployment.sqs.send_message(QueueUrl=deployment.queue, MessageBody="through the queue {")
    wait_for("it to be kept", lambda: len(deployment.quarantined()) > kept)
    deployment.wait_until_idle()

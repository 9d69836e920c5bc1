"""Which events the rules admit, as the emulator's EventBridge evaluates their patterns."""

import json
import pathlib
from typing import Any

import pytest
from emulator import ROOT, Emulator, Stack

PERSON = {
    "eventSource": "iam.amazonaws.com",
    "eventName": "ListUsers",
    "eventCategory": "Management",
    "managementEvent": True,
    "readOnly": True,
    "sourceIPAddress": "203.0.113.7",
    "userIdentity": {"type": "IAMUser", "userName": "alice"},
}
API_CALL = "AWS API Call via CloudTrail"
SIGN_IN = "AWS Console Sign In via CloudTrail"
SERVICE_EVENT = "AWS Service Event via CloudTrail"
DENIED = {"errorCode": "AccessDenied"}
WRITE = {"eventName": "CreateUser", "readOnly": False}
CONSOLE = {
    "eventSource": "signin.amazonaws.com",
    "eventName": "ConsoleLogin",
    "readOnly": False,
}
CENTRAL_BUS = "arn:aws:events:us-east-1:111111111111:event-bus/callerwatch-forwarded"

# What it is: its kind, what in it differs from a person's read, and whether it is admitted here
# and forwarded by a member.
EVENTS = {
    "a read": (API_CALL, {}, True, False),
    "a denied read": (API_CALL, DENIED, True, True),
    "a write": (API_CALL, WRITE, True, True),
    "from IPv6": (API_CALL, WRITE | {"sourceIPAddress": "2001:db8::7"}, True, True),
    "from a text that is no address": (API_CALL, WRITE | {"sourceIPAddress": "?"}, True, True),
    # Calls from the console name the service that passes them on, beside the caller's address.
    "from the console": (
        API_CALL,
        WRITE | {"userIdentity": {"type": "IAMUser", "invokedBy": "signin.amazonaws.com"}},
        True,
        True,
    ),
    "before events had categories": (
        API_CALL,
        WRITE | {"managementEvent": None, "eventCategory": None},
        True,
        True,
    ),
    "a service by itself": (
        API_CALL,
        WRITE
        | {
            "sourceIPAddress": "autoscaling.amazonaws.com",
            "userIdentity": {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
        },
        False,
        False,
    ),
    "a service for somebody": (
        API_CALL,
        WRITE | {"sourceIPAddress": "cloudformation.amazonaws.com"},
        False,
        False,
    ),
    "a service of a region": (
        API_CALL,
        DENIED | {"sourceIPAddress": "states.us-east-1.amazonaws.com"},
        False,
        False,
    ),
    "a service in China": (
        API_CALL,
        DENIED | {"sourceIPAddress": "ec2.amazonaws.com.cn"},
        False,
        False,
    ),
    "AWS itself": (API_CALL, DENIED | {"sourceIPAddress": "AWS Internal"}, False, False),
    "a data event": (
        API_CALL,
        DENIED | {"eventSource": "s3.amazonaws.com", "managementEvent": False},
        False,
        False,
    ),
    "an action in the console": ("AWS Console Action via CloudTrail", WRITE, True, True),
    "a sign-in": (SIGN_IN, CONSOLE, True, True),
    "a sign-in, spelled otherwise": ("AWS Console Signin via CloudTrail", CONSOLE, True, True),
    "a failed sign-in": (SIGN_IN, CONSOLE | {"errorMessage": "Failed authentication"}, True, True),
    "Identity Center": (
        SERVICE_EVENT,
        {"eventSource": "signin.amazonaws.com", "eventName": "CredentialVerification"},
        True,
        True,
    ),
    "a page of Cognito": (
        SERVICE_EVENT,
        {"eventSource": "cognito-idp.amazonaws.com", "eventName": "Login_GET"},
        True,
        True,
    ),
    "another service event": (
        SERVICE_EVENT,
        {"eventSource": "kms.amazonaws.com", "eventName": "RotateKey"},
        False,
        False,
    ),
    "an insight": ("AWS Insight via CloudTrail", WRITE, False, False),
    "no event of CloudTrail": ("EC2 Instance State-change Notification", {}, False, False),
}


@pytest.fixture(scope="module")
def central(emulator: Emulator, do_nothing: pathlib.Path) -> Stack:
    parameters = {"TrailDelivery": "eventbridge", "TrailBucketName": "logs-of-the-trail"}
    return emulator.deploy("callerwatch", parameters=parameters, code=do_nothing)


@pytest.fixture(scope="module")
def forwarding(emulator: Emulator) -> Stack:
    return emulator.deploy(
        "callerwatch-member",
        ROOT / "infra/aws/member.yaml",
        {"CentralEventBusArn": CENTRAL_BUS},
        code=None,
        account="222222222222",
    )


def admitting(stack: Stack, event: dict[str, Any], bus: str = "default") -> list[str]:
    """The rules of a bus that an event passes."""
    client = stack.client("events")
    event = {"id": "1", "account": "111111111111", "time": "2026-11-24T10:00:00Z"} | event
    event |= {"region": "us-east-1", "resources": []}
    admitted = []
    for rule in client.list_rules(EventBusName=bus)["Rules"]:
        # A schedule has none.
        if "EventPattern" not in rule:
            continue
        tested = client.test_event_pattern(
            EventPattern=rule["EventPattern"], Event=json.dumps(event)
        )
        if tested["Result"]:
            admitted.append(rule["Name"])
    return admitted


def event_of(name: str, source: str = "aws.iam") -> dict[str, Any]:
    kind, differing, _, _ = EVENTS[name]
    record = {key: it for key, it in (PERSON | differing).items() if it is not None}
    return {"source": source, "detail-type": kind, "detail": record}


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("bus", ["default", "callerwatch-forwarded"])
@pytest.mark.parametrize("source", ["aws.iam", "callerwatch.test"])
def test_admitted(central: Stack, name: str, bus: str, source: str) -> None:
    admitted = admitting(central, event_of(name, source), bus)
    # Never by two rules, since each message is charged.
    assert len(admitted) == EVENTS[name][2], admitted


@pytest.mark.parametrize("name", EVENTS)
def test_forwarded(forwarding: Stack, name: str) -> None:
    admitted = admitting(forwarding, event_of(name))
    assert len(admitted) == EVENTS[name][3], admitted


def test_sources_of_others_are_not_admitted(central: Stack, forwarding: Stack) -> None:
    assert not admitting(central, event_of("a write", "com.example"))
    # Made-up events are not forwarded unless a parameter says so.
    assert not admitting(forwarding, event_of("a write", "callerwatch.test"))


@pytest.mark.parametrize(
    ("bucket", "key", "is_admitted"),
    [
        ("logs-of-the-trail", "AWSLogs/111111111111/CloudTrail/us-east-1/2026/11/24/a.json.gz", True),
        ("logs-of-the-trail", "p/AWSLogs/o-ab/111111111111/CloudTrail/us-east-1/a.json.gz", True),
        ("logs-of-the-trail", "AWSLogs/111111111111/CloudTrail-Digest/us-east-1/a.json.gz", False),
        ("logs-of-the-trail", "AWSLogs/111111111111/CloudTrail-Insight/us-east-1/a.json.gz", False),
        ("logs-of-the-trail", "AWSLogs/111111111111/CloudTrail/readme.txt", False),
        ("another-bucket", "AWSLogs/111111111111/CloudTrail/us-east-1/2026/11/24/a.json.gz", False),
    ],
)
def test_objects(central: Stack, bucket: str, key: str, is_admitted: bool) -> None:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert len(admitting(central, event)) == is_admitted

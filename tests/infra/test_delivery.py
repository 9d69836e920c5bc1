"""Every way for an event to reach the ingest queue, with nobody there to read it."""

import json
import pathlib
from typing import Any

import pytest
from emulator import ROOT, Emulator, Stack, wait_for

ACCOUNT = "666666666666"
BUCKET = "logs-of-the-trail"
KEY = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/24/one event.json.gz"
RECORD = {
    "eventSource": "signin.amazonaws.com",
    "eventName": "ConsoleLogin",
    "sourceIPAddress": "203.0.113.7",
}


def deploy(emulator: Emulator, code: pathlib.Path, **parameters: str) -> Stack:
    stack = emulator.deploy("callerwatch", parameters=parameters, code=code, account=ACCOUNT)
    functions = stack.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    return stack


@pytest.fixture
def queue_of(emulator: Emulator, do_nothing: pathlib.Path):
    """Deploys with parameters; leaves nothing."""
    stacks = []

    def deployed(**parameters: str) -> Stack:
        stack = deploy(emulator, do_nothing, **parameters)
        stacks.append(stack)
        return stack

    yield deployed
    for stack in stacks:
        stack.delete()


def messages(stack: Stack, count: int) -> list[dict[str, Any]]:
    """What is in the queue, once so many are there; they stay hidden from later readers."""
    sqs = stack.client("sqs")
    received = []

    def are_there() -> bool:
        told = sqs.receive_message(QueueUrl=stack.outputs["IngestQueueUrl"], MaxNumberOfMessages=10)
        received.extend(json.loads(it["Body"]) for it in told.get("Messages", []))
        return len(received) >= count

    wait_for(f"{count} messages", are_there)
    return received


def only_message(stack: Stack) -> dict[str, Any]:
    (message,) = messages(stack, 1)
    return message


def put_event(emulator: Emulator, account: str, bus: str = "default") -> None:
    entry = {
        "EventBusName": bus,
        "Source": "callerwatch.test",
        "DetailType": "AWS Console Sign In via CloudTrail",
        "Detail": json.dumps(RECORD),
    }
    assert emulator.client("events", account).put_events(Entries=[entry])["FailedEntryCount"] == 0


def put_object(stack: Stack) -> None:
    stack.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"a log")


def trail_bucket(emulator: Emulator, notifications: dict[str, Any]) -> None:
    s3 = emulator.client("s3", ACCOUNT)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration=notifications,
        SkipDestinationValidation=True,
    )


def test_from_the_default_bus(emulator: Emulator, queue_of) -> None:
    stack = queue_of()
    put_event(emulator, ACCOUNT)
    assert only_message(stack)["detail"] == RECORD


def test_from_the_central_bus(emulator: Emulator, queue_of) -> None:
    stack = queue_of()
    put_event(emulator, ACCOUNT, stack.outputs["EventBusArn"])
    assert only_message(stack)["detail"] == RECORD


def test_from_a_member(emulator: Emulator, queue_of) -> None:
    """In one account, since the emulator's buses do not reach another: so it comes twice."""
    stack = queue_of(OrganizationId="o-abcdefghij")
    parameters = {
        "CentralEventBusArn": stack.outputs["EventBusArn"],
        "TestEventSource": "callerwatch.test",
    }
    template = ROOT / "infra/aws/member.yaml"
    member = emulator.deploy("member", template, parameters, code=None, account=ACCOUNT)
    try:
        put_event(emulator, ACCOUNT)
        assert [it["detail"] for it in messages(stack, 2)] == [RECORD, RECORD]
    finally:
        member.delete()


def test_from_the_bucket(emulator: Emulator, queue_of) -> None:
    stack = queue_of(TrailDelivery="s3", TrailBucketName=BUCKET)
    target = {"QueueArn": stack.outputs["IngestQueueArn"], "Events": ["s3:ObjectCreated:*"]}
    trail_bucket(emulator, {"QueueConfigurations": [target]})
    put_object(stack)
    (record,) = only_message(stack)["Records"]
    assert record["s3"]["object"]["key"] == KEY.replace(" ", "+")


def test_from_the_bucket_through_eventbridge(emulator: Emulator, queue_of) -> None:
    stack = queue_of(TrailDelivery="eventbridge", TrailBucketName=BUCKET)
    trail_bucket(emulator, {"EventBridgeConfiguration": {}})
    put_object(stack)
    assert only_message(stack)["detail"]["object"]["key"] == KEY


def test_from_the_topic_of_a_trail(emulator: Emulator, queue_of) -> None:
    topic = emulator.client("sns", ACCOUNT).create_topic(Name="trail")["TopicArn"]
    stack = queue_of(TrailDelivery="sns", TrailBucketName=BUCKET, TrailTopicArn=topic)
    notice = {"s3Bucket": BUCKET, "s3ObjectKey": [KEY]}
    stack.client("sns").publish(TopicArn=topic, Message=json.dumps(notice))
    # Without SNS's envelope.
    assert only_message(stack) == notice


def test_from_a_log_group(emulator: Emulator, queue_of) -> None:
    """Past the queue, to the function itself."""
    group = "trail/all-accounts"
    emulator.client("logs", ACCOUNT).create_log_group(logGroupName=group)
    stack = queue_of(TrailLogGroupName=group)
    filters = stack.client("logs").describe_subscription_filters(logGroupName=group)
    (told,) = filters["subscriptionFilters"]
    assert told["destinationArn"].endswith(f":function:{stack.outputs['FunctionName']}")
    policy = stack.client("lambda").get_policy(FunctionName=stack.outputs["FunctionName"])
    (allowed,) = json.loads(policy["Policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "logs.amazonaws.com"}
    assert allowed["Condition"]["ArnLike"]["AWS:SourceArn"].endswith(f":log-group:{group}:*")

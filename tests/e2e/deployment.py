"""The deployed template as a test meets it: where events go in, and what comes out."""

import base64
import concurrent.futures
import contextlib
import gzip
import json
import os
import signal
import threading
from typing import Any, Iterable

from emulator import Emulator, Stack, wait_for

from .events import Record, detail_type, envelope
from .proxy import Proxy
from .scan import trail_object

# Seconds after which messages that failed come back; six minutes where it is deployed for good.
COMES_BACK_SECS = 4
# What AWS publishes as its own, in its form: without it nothing is denied for an alert.
RANGES = json.dumps({
    "syncToken": "1772438400",
    "createDate": "2026-03-02-08-00-00",
    "prefixes": [{"ip_prefix": "192.0.2.128/25", "region": "eu-west-1", "service": "AMAZON"}],
})


class Inbox:
    """A queue that is subscribed to the alerts topic."""

    def __init__(self, stack: Stack, name: str, filter_policy: dict[str, Any] | None) -> None:
        self.sqs = stack.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        attributes = {"FilterPolicy": json.dumps(filter_policy)} if filter_policy else {}
        stack.client("sns").subscribe(
            TopicArn=stack.outputs["AlertsTopicArn"],
            Protocol="sqs",
            Endpoint=told["Attributes"]["QueueArn"],
            Attributes=attributes,
        )
        # In the order of their coming: what is said, and its attributes.
        self.received: list[tuple[str, dict[str, str]]] = []

    def read(self) -> None:
        """Takes what is there."""
        while messages := self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                told = json.loads(message["Body"])
                attributes = told.get("MessageAttributes", {})
                values = {name: it["Value"] for name, it in attributes.items()}
                self.received.append((told["Message"], values))
                self.sqs.delete_message(
                    QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                )

    def alerts(self) -> list[dict[str, Any]]:
        """The findings received so far."""
        self.read()
        # What was denied is told without a detection.
        is_alert = lambda values: values.get("detection", "policy-change") != "policy-change"  # noqa: E731
        return [json.loads(told) for told, values in self.received if is_alert(values)]

    def newest(self) -> dict[str, dict[str, Any]]:
        """The newest finding of each uid."""
        return {it["finding_info"]["uid"]: it for it in self.alerts()}

    def wait_for(self, uids: Iterable[str], seconds: float = 30) -> dict[str, dict[str, Any]]:
        """The newest finding of each uid, once all of these were received."""
        wanted = set(uids)

        def have() -> dict[str, dict[str, Any]] | None:
            newest = self.newest()
            return newest if wanted <= newest.keys() else None

        return wait_for(f"the alerts {sorted(wanted)}", have, seconds)


class Deployment:
    """One deployed stack, in an account of its own."""

    def __init__(self, emulator: Emulator, proxy: Proxy, stack: Stack, trail: str | None) -> None:
        self.emulator = emulator
        self.proxy = proxy
        self.stack = stack
        self.account = stack.account
        self.trail = trail
        self.outputs = stack.outputs
        self.sqs = stack.client("sqs")
        self.s3 = stack.client("s3")
        self.events = stack.client("events")
        self.functions = stack.client("lambda")
        self.dynamodb = stack.client("dynamodb")
        self.queue = self.outputs["IngestQueueUrl"]
        self.state_bucket = self.outputs["StateBucketName"]
        # How often something comes back here is what the tests decide.
        redrive = {
            "deadLetterTargetArn": self.arn_of(self.outputs["DeadLetterQueueUrl"]),
            "maxReceiveCount": "1000",
        }
        attributes = {
            "VisibilityTimeout": str(COMES_BACK_SECS),
            "RedrivePolicy": json.dumps(redrive),
        }
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes=attributes)

    def arn_of(self, queue: str) -> str:
        """The ARN of a queue."""
        told = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        return told["Attributes"]["QueueArn"]

    def inbox(self, name: str = "inbox", filter_policy: dict[str, Any] | None = None) -> Inbox:
        """Subscribes a queue."""
        return Inbox(self.stack, name, filter_policy)

    # --- What goes in ---

    def put(self, records: list[Record]) -> None:
        """Sends records through EventBridge."""
        for start in range(0, len(records), 10):
            entries = [
                {
                    "Source": "callerwatch.test",
                    "DetailType": detail_type(it),
                    "Detail": json.dumps(it),
                }
                for it in records[start : start + 10]
            ]
            told = self.events.put_events(Entries=entries)
            assert told["FailedEntryCount"] == 0, told

    def store(self, key: str, content: list[Record] | bytes) -> None:
        """Puts an object into the bucket of the trail."""
        body = content if isinstance(content, bytes) else trail_object(content)
        self.s3.put_object(Bucket=self.trail, Key=key, Body=body)

    def notice(self, key: str) -> dict[str, Any]:
        """What S3 says of an object, by its key as it is quoted in a notice."""
        bucket = {"name": self.trail, "arn": f"arn:aws:s3:::{self.trail}"}
        return {
            "Records": [
                {
                    "eventSource": "aws:s3",
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": bucket, "object": {"key": key, "size": 1}},
                }
            ]
        }

    def invoke(self, payload: Any, function: str = "FunctionName") -> Any:
        """Hands something to a function directly, named by its output; fails where it does."""
        told = self.functions.invoke(
            FunctionName=self.outputs[function], Payload=json.dumps(payload).encode()
        )
        answer = json.loads(told["Payload"].read() or b"null")
        assert "FunctionError" not in told, answer
        return answer

    def invoke_batch(self, bodies: list[str]) -> list[int]:
        """Hands a batch of a queue to the function, of any size; answers the places that failed."""
        answer = self.invoke(batch(bodies))
        return sorted(int(it["itemIdentifier"]) for it in answer["batchItemFailures"])

    def policy(self, text: str, **lists: str) -> None:
        """Stores a policy, and lists that it names as `<name>.txt`."""
        for name, content in lists.items():
            self.s3.put_object(
                Bucket=self.state_bucket, Key=f"{name}.txt", Body=content.encode()
            )
        self.s3.put_object(Bucket=self.state_bucket, Key="policy.toml", Body=text.encode())

    # --- What comes out ---

    def is_idle(self) -> bool:
        """Whether the queue is empty, and nobody holds a message of it."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return all(told["Attributes"][name] == "0" for name in names)

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Waits until all that was sent was read."""
        wait_for("the queue to be read", self.is_idle, seconds)

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        """An item of the table; empty where there is none."""
        told = self.dynamodb.get_item(
            TableName=self.outputs["TableName"],
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            ConsistentRead=True,
        )
        return told.get("Item", {})

    def items(self) -> list[dict[str, Any]]:
        """All items of the table."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.outputs["TableName"])
        return [item for page in pages for item in page["Items"]]

    def ledgers(self) -> dict[str, frozenset[bytes]]:
        """The entries of each source."""
        return {
            item["pk"]["S"]: frozenset(item.get("entries", {}).get("BS", []))
            for item in self.items()
            if item["sk"]["S"] == "ledger"
        }

    def entries(self, address: str) -> frozenset[bytes]:
        """The entries of one source."""
        return self.ledgers().get(f"source#{address}", frozenset())

    def alert_uids(self) -> set[str]:
        """The alerts that were announced."""
        return {
            item["pk"]["S"].removeprefix("alert#")
            for item in self.items()
            if item["sk"]["S"] == "alert" and item.keys() & {"announced", "announced_success"}
        }

    def quarantined(self) -> list[dict[str, Any]]:
        """What was put under quarantine."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.state_bucket, Prefix="quarantine/"
        )
        keys = [it["Key"] for page in pages for it in page.get("Contents", [])]
        objects = [self.s3.get_object(Bucket=self.state_bucket, Key=key) for key in keys]
        return [json.loads(it["Body"].read()) for it in objects]

    def metric(self, name: str) -> int:
        """The sum of a metric over all invocations so far."""
        total = 0
        for line in self.stack.function_log():
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and "_aws" in told:
                    total += told.get(name, 0)
        return total

    # --- What befalls it ---

    def kill(self) -> int:
        """Kills the bootstraps, in whatever they are doing, and waits for their ends; says how many."""
        killed = set()
        for process in self.emulator.bootstraps():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                killed.add(process)
        # The emulator would hand an invocation to one that is still dying.
        wait_for("the killed to end", lambda: killed.isdisjoint(self.emulator.bootstraps()))
        return len(killed)

    def forget_announcements(self) -> None:
        """Takes back that anything was announced, so that all of it is told as it is now."""
        table = self.outputs["TableName"]
        for item in self.items():
            key = {"pk": item["pk"], "sk": item["sk"]}
            if item["sk"]["S"] == "alert":
                self.dynamodb.delete_item(TableName=table, Key=key)
            elif item["sk"]["S"] == "ledger":
                self.dynamodb.update_item(
                    TableName=table,
                    Key=key,
                    UpdateExpression="REMOVE marks, #deferred",
                    # A word that DynamoDB keeps for itself.
                    ExpressionAttributeNames={"#deferred": "deferred"},
                )
        # Warm ones remember.
        self.kill()


@contextlib.contextmanager
def in_background(*tasks: Any) -> Any:
    """Runs tasks beside the block, and fails where one of them does."""
    with concurrent.futures.ThreadPoolExecutor(len(tasks)) as pool:
        running = [pool.submit(task) for task in tasks]
        yield
        for it in running:
            it.result()


class Killer:
    """Kills bootstraps at random instants, until it is told to end."""

    def __init__(self, deployment: Deployment, pauses: Iterable[float]) -> None:
        self.deployment = deployment
        self.pauses = list(pauses)
        self.ended = threading.Event()
        self.killed = 0

    def run(self) -> None:
        """Kills after each pause."""
        for pause in self.pauses:
            if self.ended.wait(pause):
                return
            self.killed += self.deployment.kill()


def batch(bodies: list[str]) -> dict[str, Any]:
    """Messages of a queue, as a function gets them; each is called by its place."""
    return {
        "Records": [
            {
                "messageId": str(place),
                "receiptHandle": "made-up",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:111111111111:ingest",
                "awsRegion": "us-east-1",
            }
            for place, body in enumerate(bodies)
        ]
    }


def bodies(records: Iterable[Record]) -> list[str]:
    """Records as EventBridge puts them into a queue."""
    return [json.dumps(envelope(it)) for it in records]


def logs_payload(records: list[Record]) -> dict[str, Any]:
    """Records as a subscription of CloudWatch Logs delivers them."""
    events = [
        {"id": str(place), "timestamp": 1_700_000_000_000, "message": json.dumps(it)}
        for place, it in enumerate(records)
    ]
    told = {
        "messageType": "DATA_MESSAGE",
        "owner": "111111111111",
        "logGroup": "trail",
        "logStream": "trail",
        "subscriptionFilters": ["trail"],
        "logEvents": events,
    }
    data = base64.b64encode(gzip.compress(json.dumps(told).encode())).decode()
    return {"awslogs": {"data": data}}

"""callerwatch on a laptop, without an AWS account: the very template, deployed to an emulator.

Run by `make local`, in target/venv. Prints how to send events, then what the alerts topic says,
until Ctrl-C.
"""

import contextlib
import json
import pathlib
import signal
import sys
import time
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from emulator import Emulator, Stack  # noqa: E402 (found by the path above)

# Not indented, since it is to be pasted.
HOW = """
callerwatch runs on {url}, account {account}. In another shell:

{exports}

# A made-up incident, from the first call to its alert:
target/debug/callerwatch test-alert --table {table}

# An event of your own. CloudTrail's fields go into Detail; AWS's own sources are refused here.
target/venv/bin/python - <<'END'
import boto3, json
record = {record}
for attempt in range(12):
    record["eventID"] = f"made-up-{{attempt}}"
    print(boto3.client("events").put_events(Entries=[{{
        "Source": "{source}",
        "DetailType": "AWS Console Sign In via CloudTrail",
        "Detail": json.dumps(record),
    }}])["FailedEntryCount"], "refused")
END

# A policy of your own, read within a minute:
target/venv/bin/python -c 'import boto3; boto3.client("s3").upload_file("policy.toml", "{bucket}", "policy.toml")'

The emulator's log: {log}
Alerts are shown here as they come. Ctrl-C ends it, and removes everything.
"""


def main() -> None:
    """Starts, deploys, and shows alerts."""
    # Ending by either signal runs what cleans up, also where a shell has the first one ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), Emulator() as emulator:
        stack = emulator.deploy()
        print(HOW.format(**told(emulator, stack)), flush=True)
        show_alerts(stack)


def told(emulator: Emulator, stack: Stack) -> dict[str, str]:
    """What the instructions name."""
    credentials = emulator.credentials(stack.account)
    record = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "accountId": stack.account, "userName": "alice"},
        "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "eventSource": "signin.amazonaws.com",
        "eventName": "ConsoleLogin",
        "awsRegion": credentials["AWS_REGION"],
        "sourceIPAddress": "203.0.113.7",
        "errorMessage": "Failed authentication",
        "responseElements": {"ConsoleLogin": "Failure"},
        "eventType": "AwsConsoleSignIn",
        "recipientAccountId": stack.account,
    }
    return {
        "url": emulator.url,
        "account": stack.account,
        "table": stack.outputs["TableName"],
        "exports": "\n".join(f"export {key}={value}" for key, value in credentials.items()),
        "record": json.dumps(record),
        "source": "callerwatch.test",
        "bucket": stack.outputs["StateBucketName"],
        "log": str(emulator.log),
    }


def show_alerts(stack: Stack) -> None:
    """Subscribes a queue to the alerts topic, and prints what arrives, for ever."""
    sqs = stack.client("sqs")
    url = sqs.create_queue(QueueName="alerts-shown")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    stack.client("sns").subscribe(
        TopicArn=stack.outputs["AlertsTopicArn"],
        Protocol="sqs",
        Endpoint=arn["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    while True:
        received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)
        for message in received.get("Messages", []):
            print(summary(message["Body"]), flush=True)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def summary(body: str) -> str:
    """One line of an alert; all of it, escaped, where it is of no known form."""
    try:
        alert: dict[str, Any] = json.loads(body)
        told = f"{alert['severity']}: {alert['finding_info']['title']} ({alert['finding_info']['uid']})"
    except (ValueError, KeyError, TypeError):
        told = body
    # Parts of an alert are written by strangers, and a terminal obeys control characters.
    return ascii(told)[1:-1]


if __name__ == "__main__":
    main()

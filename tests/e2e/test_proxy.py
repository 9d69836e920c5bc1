"""The proxy by itself: what it makes fail, and what it counts."""

import base64
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import pytest
from emulator import REGION, Emulator

from .proxy import Fault, Proxy, item_size

ACCOUNT = "200000000001"


def client(proxy: Proxy, service: str) -> Any:
    """A client that asks through the proxy, once."""
    return boto3.client(
        service,
        endpoint_url=proxy.url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",
        config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=5),
    )


@pytest.fixture(scope="module")
def table(emulator: Emulator) -> str:
    emulator.client("dynamodb", ACCOUNT).create_table(
        TableName="weighed",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    return "weighed"


def add(proxy: Proxy, table: str, pk: str, *entries: bytes) -> None:
    client(proxy, "dynamodb").update_item(
        TableName=table,
        Key={"pk": {"S": pk}, "sk": {"S": "ledger"}},
        UpdateExpression="ADD entries :entries",
        ExpressionAttributeValues={":entries": {"BS": list(entries)}},
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [("throttle", "ProvisionedThroughputExceededException"), ("error", "InternalServerError")],
)
def test_refuses(proxy: Proxy, table: str, kind: str, code: str) -> None:
    proxy.set_faults(ACCOUNT, Fault("dynamodb", kind, times=1, operation="UpdateItem"))
    client(proxy, "dynamodb").describe_table(TableName=table)
    with pytest.raises(botocore.exceptions.ClientError, match=code):
        add(proxy, table, kind, b"a")
    add(proxy, table, kind, b"a")


def test_refuses_of_sns(proxy: Proxy, emulator: Emulator) -> None:
    topic = emulator.client("sns", ACCOUNT).create_topic(Name="topic")["TopicArn"]
    proxy.set_faults(ACCOUNT, Fault("sns", "throttle", times=1))
    with pytest.raises(botocore.exceptions.ClientError, match="Throttled"):
        client(proxy, "sns").publish(TopicArn=topic, Message="a")
    assert client(proxy, "sns").publish(TopicArn=topic, Message="a")["MessageId"]


def test_hangs_up_before_and_after(proxy: Proxy, table: str) -> None:
    for kind, is_done in (("reset", False), ("lost", True)):
        proxy.set_faults(ACCOUNT, Fault("dynamodb", kind, times=1))
        with pytest.raises(botocore.exceptions.HTTPClientError):
            add(proxy, table, kind, b"a")
        key = {"pk": {"S": kind}, "sk": {"S": "ledger"}}
        told = client(proxy, "dynamodb").get_item(TableName=table, Key=key)
        assert ("Item" in told) == is_done


def test_faults_are_of_one_account(proxy: Proxy, table: str) -> None:
    proxy.set_faults("200000000002", Fault("dynamodb", "throttle"))
    proxy.set_faults(ACCOUNT)
    add(proxy, table, "another", b"a")


def test_counts_and_weighs(proxy: Proxy, table: str) -> None:
    proxy.set_faults(ACCOUNT)
    proxy.count(ACCOUNT, weigh=True)
    entries = [bytes([n]) * 32 for n in range(100)]
    add(proxy, table, "source#a", *entries[:10])
    add(proxy, table, "source#a", *entries[10:])
    add(proxy, table, "alert#a", entries[0])
    proxy.count("200000000002")
    told = [(it.operation, it.key, it.units) for it in proxy.counted(ACCOUNT)]
    assert told == [
        ("UpdateItem", "source#a", 1),
        ("UpdateItem", "source#a", 4),
        # With its index.
        ("UpdateItem", "alert#a", 2),
    ]


def test_sizes_are_as_dynamodb_counts_them() -> None:
    entry = base64.b64encode(bytes(32)).decode()
    item = {
        "pk": {"S": "source#a"},
        "entries": {"BS": [entry, entry]},
        "expires_at": {"N": "1700000000"},
        "marks": {"SS": ["20514#3"]},
    }
    assert item_size(item) == (2 + 8) + (7 + 64) + (10 + 6) + (5 + 7)

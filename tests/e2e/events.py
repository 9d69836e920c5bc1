"""Made-up CloudTrail records: who called what from where, and how it ended.

All of it happened yesterday around noon, UTC, so that an incident lies on one day whenever the
tests run. The same call always has the same event id.
"""

import datetime
import random
import uuid
from typing import Any

ACCOUNT = "111111111111"
ACCESS_DENIED = "AccessDenied"

Record = dict[str, Any]

# Reads that somebody tries who wants to know what a credential can do: in four services.
RECONNAISSANCE = [
    ("iam", "ListUsers"),
    ("iam", "ListRoles"),
    ("iam", "GetAccountAuthorizationDetails"),
    ("iam", "ListAccessKeys"),
    ("s3", "ListBuckets"),
    ("s3", "GetBucketPolicy"),
    ("s3", "GetBucketAcl"),
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeSecurityGroups"),
    ("ec2", "DescribeSnapshots"),
    ("kms", "ListKeys"),
    ("kms", "ListAliases"),
]


def noon_of_yesterday() -> datetime.datetime:
    """When it began."""
    today = datetime.datetime.now(datetime.UTC).date()
    day = today - datetime.timedelta(days=1)
    return datetime.datetime.combine(day, datetime.time(12), datetime.UTC)


# Said once, or a run past midnight would tell of two days.
NOON = noon_of_yesterday()


def record(
    address: str, who: str, secs: float, service: str, operation: str, **fields: Any
) -> Record:
    """A call, so many seconds after noon."""
    time = NOON + datetime.timedelta(seconds=secs)
    name = f"{time:%F}/{address}/{who}/{secs}/{operation}/{sorted(fields)}"
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": f"AIDA{who.upper()}",
            "accountId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{who}",
            "userName": who,
        },
        "eventTime": f"{time:%FT%TZ}",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": operation,
        "awsRegion": "us-east-1",
        "sourceIPAddress": address,
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": None,
        "responseElements": None,
        "eventID": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **fields,
    }


def sign_in(address: str, who: str, secs: float, *, succeeds: bool) -> Record:
    """A sign-in to the console."""
    failure = {} if succeeds else {"errorMessage": "Failed authentication"}
    return record(
        address,
        who,
        secs,
        "signin",
        "ConsoleLogin",
        readOnly=False,
        eventType="AwsConsoleSignIn",
        responseElements={"ConsoleLogin": "Success" if succeeds else "Failure"},
        additionalEventData={"MFAUsed": "No", "MobileVersion": "No"},
        **failure,
    )


def failures(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Failed sign-ins, ten seconds apart."""
    return [sign_in(address, who, start + 10 * n, succeeds=False) for n in range(count)]


def denials(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Denied reads of one operation, five seconds apart."""
    times = (start + 5 * n for n in range(count))
    return [
        record(address, who, secs, "s3", "GetBucketPolicy", errorCode=ACCESS_DENIED)
        for secs in times
    ]


def reconnaissance(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Denied reads of many operations, five seconds apart."""
    return [
        record(
            address,
            who,
            start + 5 * n,
            *RECONNAISSANCE[n % len(RECONNAISSANCE)],
            errorCode=ACCESS_DENIED,
        )
        for n in range(count)
    ]


def privileged(address: str, who: str, secs: float) -> Record:
    """A key made for another user."""
    return record(address, who, secs, "iam", "CreateAccessKey", readOnly=False)


def ordinary(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Reads that succeed, a second apart."""
    times = (start + n for n in range(count))
    return [record(address, who, secs, "ec2", "DescribeInstances") for secs in times]


def incident(detection: str, address: str) -> list[Record]:
    """What makes a detection speak of an address."""
    match detection:
        case "login-failures":
            return failures(address, "alice", 12)
        case "password-spray":
            return [
                sign_in(address, who, 30 * n, succeeds=False)
                for n, who in enumerate(["alice", "bob", "carol", "dave", "erin", "frank"])
            ]
        case "login-after-failures":
            return failures(address, "alice", 6) + [sign_in(address, "alice", 90, succeeds=True)]
        case "error-burst":
            return reconnaissance(address, "mallory", 24)
        case "success-after-denials":
            return denials(address, "mallory", 16) + [privileged(address, "mallory", 300)]
        case "listed-source":
            return ordinary(address, "alice", 3)
    raise ValueError(f"no incident of {detection}")


# Those that calls of AWS alone can raise, without a database of countries.
DETECTIONS = (
    "login-failures",
    "password-spray",
    "login-after-failures",
    "error-burst",
    "success-after-denials",
    "listed-source",
)


def brute_force(address: str) -> list[Record]:
    """A spray, a burst of one account, then its password, then a key: four findings."""
    spray = incident("password-spray", address)
    guessed = failures(address, "alice", 12, start=300)
    return [
        *spray,
        *guessed,
        sign_in(address, "alice", 480, succeeds=True),
        *denials(address, "alice", 16, start=500),
        privileged(address, "alice", 620),
    ]


def stream(network: str, listed: str) -> list[Record]:
    """Incidents of several addresses of a network such as `203.0.113`, and what is no incident."""
    records = brute_force(f"{network}.1")
    for number, detection in enumerate(DETECTIONS[:-1], start=2):
        records += incident(detection, f"{network}.{number}")
    records += incident("listed-source", listed)
    records += brute_force("2001:db8:7::1") + failures("2001:db8:7::2", "zoe", 3, start=700)
    for number in range(10):
        records += ordinary(f"{network}.{200 + number}", f"user{number}", 3)
    return records


def shuffled(records: list[Record], seed: int) -> list[Record]:
    """The same in another order."""
    records = list(records)
    random.Random(seed).shuffle(records)
    return records


def detail_type(it: Record) -> str:
    """What EventBridge calls it."""
    if it["eventType"] == "AwsConsoleSignIn":
        return "AWS Console Sign In via CloudTrail"
    return "AWS API Call via CloudTrail"


def envelope(it: Record) -> dict[str, Any]:
    """A record as EventBridge delivers it."""
    return {
        "version": "0",
        "id": it["eventID"],
        "detail-type": detail_type(it),
        "source": "callerwatch.test",
        "account": ACCOUNT,
        "time": it["eventTime"],
        "region": it["awsRegion"],
        "resources": [],
        "detail": it,
    }

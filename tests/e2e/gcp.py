"""Made-up entries of Google's audit logs, as a sink exports them, and how Pub/Sub pushes them.

On the same day as those of CloudTrail, and with the same times in seconds after noon.
"""

import base64
import datetime
import http.client
import json
import urllib.parse
import uuid
from typing import Any

from .deployment import Deployment
from .events import NOON, Record
from .issuer import Issuer

PROJECT = "example-project"
ORGANIZATION = "organizations/111111111111"
SERVICE_ACCOUNT = f"callerwatch-push@{PROJECT}.iam.gserviceaccount.com"
AUDIENCE = "callerwatch-tests"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/callerwatch"
# What a deployment is told, so that it is pushed to.
PARAMETERS = {"GcpPushServiceAccount": SERVICE_ACCOUNT, "GcpPushAudience": AUDIENCE}

# Reads that somebody tries who wants to know what a credential can do: of four services.
OPERATIONS = [
    ("iam", "google.iam.admin.v1.ListServiceAccounts"),
    ("iam", "google.iam.admin.v1.ListServiceAccountKeys"),
    ("iam", "google.iam.admin.v1.ListRoles"),
    ("storage", "storage.buckets.list"),
    ("storage", "storage.buckets.getIamPolicy"),
    ("storage", "storage.objects.list"),
    ("compute", "v1.compute.instances.list"),
    ("compute", "v1.compute.firewalls.list"),
    ("compute", "v1.compute.disks.list"),
    ("secretmanager", "google.cloud.secretmanager.v1.SecretManagerService.ListSecrets"),
    ("secretmanager", "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion"),
    ("secretmanager", "google.cloud.secretmanager.v1.SecretManagerService.GetSecret"),
]


def at(secs: float) -> datetime.datetime:
    """An instant so many seconds after noon."""
    return NOON + datetime.timedelta(seconds=secs)


def entry(address: str, who: str, secs: float, container: str, payload: Record) -> Record:
    """An entry of the data access log of a project or an organization."""
    time = at(secs)
    name = f"{time}/{address}/{who}/{payload['methodName']}/{payload.get('status')}"
    return {
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": {"principalEmail": f"{who}@example.com"},
            "requestMetadata": {
                "callerIp": address,
                "requestAttributes": {},
                "destinationAttributes": {},
            },
            **payload,
        },
        "insertId": uuid.uuid5(uuid.NAMESPACE_URL, name).hex[:16],
        "resource": {"type": "audited_resource", "labels": {"service": payload["serviceName"]}},
        "timestamp": f"{time:%FT%T.%f}Z",
        "severity": "NOTICE",
        "logName": f"{container}/logs/cloudaudit.googleapis.com%2Fdata_access",
        "receiveTimestamp": f"{at(secs + 1):%FT%T.%f}Z",
    }


def sign_in(address: str, who: str, secs: float, *, succeeds: bool) -> Record:
    """A sign-in of a person, of Google Workspace."""
    outcome = "success" if succeeds else "failure"
    name = f"{at(secs)}/{address}/{who}/{outcome}"
    parameters = [
        {
            "label": "LABEL_OPTIONAL",
            "name": "login_type",
            "type": "TYPE_STRING",
            "value": "google_password",
        },
        {
            "label": "LABEL_REPEATED",
            "multiStrValue": ["password"],
            "name": "login_challenge_method",
            "type": "TYPE_STRING",
        },
    ]
    payload = {
        "serviceName": "login.googleapis.com",
        "methodName": f"google.login.LoginService.login{outcome.title()}",
        "resourceName": ORGANIZATION,
        "metadata": {
            "@type": "type.googleapis.com/ccc_hosted_reporting.ActivityProto",
            "activityId": {
                "timeUsec": str(int(at(secs).timestamp() * 1_000_000)),
                "uniqQualifier": str(uuid.uuid5(uuid.NAMESPACE_URL, name).int % 10**18),
            },
            "event": [
                {
                    "eventId": uuid.uuid5(uuid.NAMESPACE_URL, name).hex[:8],
                    "eventName": f"login_{outcome}",
                    "eventType": "login",
                    "parameter": parameters,
                }
            ],
        },
    }
    return entry(address, who, secs, ORGANIZATION, payload)


def call(
    address: str, who: str, secs: float, service: str, method: str, *, denied: bool = False
) -> Record:
    """A call of an API."""
    status = {"code": 7, "message": "The caller does not have permission"} if denied else {}
    payload = {
        "status": status,
        "serviceName": f"{service}.googleapis.com",
        "methodName": method,
        "resourceName": f"projects/{PROJECT}",
        "authorizationInfo": [
            {
                "resource": f"projects/{PROJECT}",
                "permission": f"{service}.{method.rpartition('.')[2]}",
                "permissionType": "ADMIN_READ",
                **({} if denied else {"granted": True}),
            }
        ],
    }
    return entry(address, who, secs, f"projects/{PROJECT}", payload)


def failures(
    address: str, who: str, count: int, start: float = 0, pause: float = 10
) -> list[Record]:
    """Sign-ins with a wrong password."""
    return [sign_in(address, who, start + pause * n, succeeds=False) for n in range(count)]


def incident(detection: str, address: str) -> list[Record]:
    """What makes a detection speak of an address."""
    match detection:
        case "password-spray":
            people = ["alice", "bob", "carol", "dave", "erin", "frank"]
            return [
                sign_in(address, who, 30 * n, succeeds=False) for n, who in enumerate(people)
            ]
        case "error-burst":
            return [
                call(address, "mallory", 5 * n, *OPERATIONS[n % len(OPERATIONS)], denied=True)
                for n in range(24)
            ]
        case "listed-source":
            return [
                call(address, "alice", n, "compute", "v1.compute.instances.list") for n in range(3)
            ]
        case "login-after-failures":
            return failures(address, "alice", 6) + [sign_in(address, "alice", 90, succeeds=True)]
    raise ValueError(f"no incident of {detection}")


DETECTIONS = ("password-spray", "error-burst", "listed-source", "login-after-failures")


def wrapped(it: Record, attempt: int | None = None) -> bytes:
    """An entry as Pub/Sub pushes it."""
    message_id = str(int(it["insertId"], 16) % 10**16)
    published = it["receiveTimestamp"]
    push = {
        "message": {
            "attributes": {"logging.googleapis.com/timestamp": it["timestamp"]},
            "data": base64.b64encode(json.dumps(it).encode()).decode(),
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
        },
        "subscription": SUBSCRIPTION,
    }
    return json.dumps(push | ({"deliveryAttempt": attempt} if attempt else {})).encode()


def unwrapped(it: Record) -> bytes:
    """An entry as Pub/Sub pushes it where the subscription has no wrapper."""
    return json.dumps(it).encode()


class Subscription:
    """What pushes to the function's URL."""

    def __init__(self, deployment: Deployment, issuer: Issuer) -> None:
        self.url = urllib.parse.urlsplit(deployment.outputs["GcpPushEndpoint"])
        self.port = deployment.emulator.port
        self.issuer = issuer
        # Google signs anew when one is about to expire.
        self.token = issuer.token(AUDIENCE, SERVICE_ACCOUNT)

    def push(self, body: bytes, token: str | None = None) -> int:
        """Pushes once, and says the status of the answer."""
        return self.request("POST", body, [("Authorization", f"Bearer {token or self.token}")])

    def request(self, method: str, body: bytes, headers: list[tuple[str, str]]) -> int:
        """Sends a request; says the status of its answer, which has nothing else."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, self.url.path or "/", skip_host=True)
        own = [
            ("Host", self.url.netloc),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("From", "noreply@google.com"),
            ("User-Agent", "CloudPubSub-Google"),
        ]
        for name, value in [*own, *headers]:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        told = answer.read()
        assert told == b"", (answer.status, told)
        connection.close()
        return answer.status

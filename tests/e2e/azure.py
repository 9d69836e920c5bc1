"""Made-up records of Azure, as its exports write them, and how a hub hands them over.

On the same day as those of CloudTrail, and with the same times in seconds after noon.
"""

import base64
import datetime
import json
import uuid
from typing import Any, Iterable

from .events import NOON, Record

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
SUBSCRIPTION = "bbbbbbbb-0000-4000-8000-000000000001"
HUB = "logs"
# What a deployment is told, so that it reads a hub.
PARAMETERS = {
    "AzureHubName": HUB,
    "AzureBootstrapServer": "callerwatch.servicebus.windows.net:9093",
    "AzureSecretArn": "arn:aws:secretsmanager:us-east-1:111111111111:secret:callerwatch-hub-AbCdEf",
}

WRONG_PASSWORD = 50126

# Writes that somebody tries who wants to know what an account can do: of four providers.
OPERATIONS = [
    "MICROSOFT.KEYVAULT/VAULTS/WRITE",
    "MICROSOFT.KEYVAULT/VAULTS/DELETE",
    "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION",
    "MICROSOFT.STORAGE/STORAGEACCOUNTS/WRITE",
    "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTACCOUNTSAS/ACTION",
    "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE",
    "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION",
    "MICROSOFT.COMPUTE/SNAPSHOTS/WRITE",
    "MICROSOFT.COMPUTE/DISKS/BEGINGETACCESS/ACTION",
    "MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/WRITE",
    "MICROSOFT.NETWORK/PUBLICIPADDRESSES/WRITE",
    "MICROSOFT.NETWORK/ROUTETABLES/WRITE",
]


def at(secs: float) -> str:
    """An instant so many seconds after noon, in Microsoft's form."""
    return f"{NOON + datetime.timedelta(seconds=secs):%FT%T}.0000000Z"


def identifier(*of: Any) -> str:
    """The same for the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, (NOON, *of)))))


def sign_in(address: str, who: str, secs: float, code: int = 0) -> Record:
    """A sign-in of a person, of Entra ID's SignInLogs; zero is success."""
    correlation = identifier("sign-in", address, who, secs, code)
    return {
        "time": at(secs + 120),
        "resourceId": f"/tenants/{TENANT}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": "SignInLogs",
        "tenantId": TENANT,
        "resultType": str(code),
        "resultSignature": "None",
        "durationMs": 0,
        "callerIpAddress": address,
        "correlationId": correlation,
        "identity": who.title(),
        "Level": 4,
        "location": "GB",
        "properties": {
            "id": correlation,
            "createdDateTime": at(secs),
            "userDisplayName": who.title(),
            "userPrincipalName": f"{who}@example.com",
            "userId": identifier("user", who),
            "appId": identifier("application"),
            "appDisplayName": "Azure Portal",
            "ipAddress": address,
            "status": {"errorCode": code},
            "clientAppUsed": "Browser",
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
            "isInteractive": True,
        },
    }


def operation(address: str, who: str, secs: float, name: str, *, denied: bool = False) -> Record:
    """The end of a call of Azure Resource Manager, of the Activity Log."""
    resource = f"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/SHOP/PROVIDERS/{name.rsplit('/', 1)[0]}/A"
    message = '{"error":{"code":"AuthorizationFailed","message":"The client does not have it."}}'
    return {
        "time": at(secs),
        "resourceId": resource.upper(),
        "operationName": name,
        "category": "Administrative",
        "resultType": "Failure" if denied else "Success",
        "resultSignature": "Failed.Forbidden" if denied else "Succeeded.OK",
        "durationMs": "12",
        "callerIpAddress": address,
        "correlationId": identifier("operation", address, who, secs, name, denied),
        "identity": {
            "claims": {
                "appid": identifier("application"),
                "ipaddr": address,
                "name": who.title(),
                "http://schemas.microsoft.com/identity/claims/objectidentifier": identifier("user", who),
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": f"{who}@example.com",
            }
        },
        "level": "Error" if denied else "Information",
        "properties": {"statusCode": "Forbidden", "statusMessage": message} if denied else {},
    }


def failures(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Sign-ins with a wrong password, ten seconds apart."""
    return [sign_in(address, who, start + 10 * n, WRONG_PASSWORD) for n in range(count)]


def denials(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Denied calls of many operations, five seconds apart."""
    return [
        operation(address, who, start + 5 * n, OPERATIONS[n % len(OPERATIONS)], denied=True)
        for n in range(count)
    ]


def spray(address: str, start: float = 0) -> list[Record]:
    """A wrong password for each of several people."""
    people = ["alice", "bob", "carol", "dave", "erin", "frank"]
    return [
        sign_in(address, who, start + 30 * n, WRONG_PASSWORD) for n, who in enumerate(people)
    ]


def ordinary(address: str, who: str, count: int, start: float = 0) -> list[Record]:
    """Calls that succeed, a second apart."""
    name = "MICROSOFT.COMPUTE/VIRTUALMACHINES/START/ACTION"
    return [operation(address, who, start + n, name) for n in range(count)]


def incident(detection: str, address: str) -> list[Record]:
    """What makes a detection speak of an address."""
    match detection:
        case "password-spray":
            return spray(address)
        case "error-burst":
            return denials(address, "mallory", 24)
        case "listed-source":
            return ordinary(address, "alice", 3)
        case "login-after-failures":
            return failures(address, "alice", 6) + [sign_in(address, "alice", 90)]
    raise ValueError(f"no incident of {detection}")


DETECTIONS = ("password-spray", "error-burst", "listed-source", "login-after-failures")


def messages(records: list[Record], size: int = 10) -> list[bytes]:
    """Records as Azure Monitor puts them into a hub: several a message."""
    starts = range(0, len(records), size)
    return [json.dumps({"records": records[at : at + size]}).encode() for at in starts]


def batch(values: Iterable[bytes | str | None], partitions: int = 2) -> dict[str, Any]:
    """Messages of a hub as a function gets them, by turns in its partitions; text is not encoded."""
    records: dict[str, list[dict[str, Any]]] = {}
    for place, value in enumerate(values):
        partition = place % partitions
        told = records.setdefault(f"{HUB}-{partition}", [])
        if isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        told.append(
            {
                "topic": HUB,
                "partition": partition,
                "offset": 1000 * (partition + 1) + len(told),
                "timestamp": int(NOON.timestamp() * 1000),
                "timestampType": "CREATE_TIME",
                "value": value,
                "headers": [],
            }
        )
    return {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": PARAMETERS["AzureBootstrapServer"],
        "records": records,
    }

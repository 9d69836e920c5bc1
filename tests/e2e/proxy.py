"""A proxy on loopback between the functions and the emulator: counts requests, and makes some fail.

Functions reach it by AWS_ENDPOINT_URL_DYNAMODB and _SNS, and by others where a test says so. It tells services, operations and accounts
by their headers, as signed. Faults and counts are of one account, so that no test meets another's.
"""

import collections
import dataclasses
import http.client
import http.server
import json
import math
import random
import re
import sys
import threading
import time
import urllib.parse
from typing import Any

READS = {"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}
WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
CREDENTIAL = re.compile(r"Credential=([0-9]{12})/[0-9]{8}/[^/]+/([a-z0-9-]+)/")


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked, and what it cost."""

    service: str
    operation: str
    # The item's partition key, where there is one.
    key: str = ""
    # Write units: the larger of the item before and after, a unit each KB begun.
    units: int = 0


@dataclasses.dataclass
class Fault:
    """What happens to a share of the requests of a service."""

    service: str
    # throttle: refused; error: the service fails; reset: no answer; delay: a late one; lost: what
    # was asked is done, and no answer; conflict: somebody else wrote meanwhile.
    kind: str
    share: float = 1.0
    # At most so many times.
    times: int | None = None
    operation: str | None = None
    delay_secs: float = 0.0
    met: int = 0

    def strikes(self, service: str, operation: str, dice: random.Random) -> bool:
        """Whether it happens to a request."""
        if self.service != service or self.operation not in (None, operation):
            return False
        if self.times is not None and self.met >= self.times:
            return False
        if dice.random() >= self.share:
            return False
        self.met += 1
        return True


class Proxy:
    """Listens from the start; passes nothing on before `upstream` is set."""

    def __init__(self) -> None:
        self.upstream = ""
        self.lock = threading.Lock()
        self.faults: dict[str, list[Fault]] = {}
        self.dice = random.Random(7)
        self.requests: dict[str, list[Request]] = collections.defaultdict(list)
        self.weighed: set[str] = set()
        proxy = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                proxy.answer(self)

            do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()

    def set_faults(self, account: str, *faults: Fault) -> None:
        """From now on; none ends them."""
        with self.lock:
            self.faults[account] = list(faults)

    def count(self, account: str, *, weigh: bool = False) -> None:
        """Counts anew; `weigh` says what writes cost too, by reading each item around its write."""
        with self.lock:
            self.requests[account] = []
            (self.weighed.add if weigh else self.weighed.discard)(account)

    def counted(self, account: str) -> list[Request]:
        """What was asked since."""
        with self.lock:
            return list(self.requests[account])

    def answer(self, handler: "_Handler") -> None:
        """Passes a request on, or makes it fail."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        account, service = told_by(handler.headers)
        operation = operation_of(handler.headers, body) or handler.command
        with self.lock:
            faults = self.faults.get(account, [])
            fault = next((it for it in faults if it.strikes(service, operation, self.dice)), None)
            is_weighed = account in self.weighed and service == "dynamodb"
        if fault and fault.kind in ("throttle", "error", "conflict"):
            self.note(account, Request(service, operation))
            handler.refuse(service, fault.kind)
            return
        if fault and fault.kind == "reset":
            handler.hang_up()
            return
        if fault and fault.kind == "delay":
            time.sleep(fault.delay_secs)
        request = Request(service, operation, key_of(body) if service == "dynamodb" else "")
        if is_weighed and operation in WRITES:
            before = self.size(handler, body)
            answer = self.forward(handler, body)
            size = max(before, self.size(handler, body))
            units = max(1, math.ceil(size / 1024))
            # What the index of alerts by day projects is small, but for each write it is one more.
            if request.key.startswith("alert#"):
                units += 1
            request = dataclasses.replace(request, units=units)
        else:
            answer = self.forward(handler, body)
        self.note(account, request)
        if fault and fault.kind == "lost":
            handler.hang_up()
            return
        handler.reply(*answer)

    def note(self, account: str, request: Request) -> None:
        """Counts a request."""
        with self.lock:
            self.requests[account].append(request)

    def forward(
        self, handler: "_Handler", body: bytes, target: str | None = None
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Asks the emulator."""
        where = urllib.parse.urlsplit(self.upstream)
        headers = {
            key: value
            for key, value in handler.headers.items()
            if key.lower() not in ("connection", "content-length", "expect", "transfer-encoding")
        }
        if target:
            headers = {
                key: value for key, value in headers.items() if key.lower() != "x-amz-target"
            } | {"X-Amz-Target": target}
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        try:
            connection.request(handler.command, handler.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def size(self, handler: "_Handler", body: bytes) -> int:
        """The size of the item that a write is about, as DynamoDB counts it."""
        asked = json.loads(body)
        key = asked.get("Key") or {it: asked["Item"][it] for it in ("pk", "sk")}
        ask = {"TableName": asked["TableName"], "Key": key, "ConsistentRead": True}
        target = handler.headers["X-Amz-Target"].split(".")[0] + ".GetItem"
        _, _, answer = self.forward(handler, json.dumps(ask).encode(), target)
        return item_size(json.loads(answer).get("Item", {}))


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing where whoever asked was killed meanwhile."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: what is asked is counted."""

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answers as the emulator did."""
        self.send_response_only(status)
        for key, value in headers:
            if key.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(key, value)
        told = dict((key.lower(), value) for key, value in headers)
        length = told.get("content-length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, service: str, kind: str) -> None:
        """Answers as a service does that has too much to do, or fails."""
        is_throttle = kind == "throttle"
        if service == "wafv2":
            code = {"throttle": "ThrottlingException", "conflict": "WAFOptimisticLockException"}
            told = code.get(kind, "WAFInternalErrorException")
            body = json.dumps({"__type": told, "message": kind})
            headers = [("Content-Type", "application/x-amz-json-1.1")]
            self.reply(500 if kind == "error" else 400, headers, body.encode())
            return
        if service == "dynamodb":
            throttled = "ProvisionedThroughputExceededException"
            code = throttled if is_throttle else "InternalServerError"
            kind_of_error = f"com.amazonaws.dynamodb.v20120810#{code}"
            body = json.dumps({"__type": kind_of_error, "message": kind})
            headers = [("Content-Type", "application/x-amz-json-1.0")]
            self.reply(400 if is_throttle else 500, headers, body.encode())
            return
        throttled = "Throttling" if service == "iam" else "Throttled"
        code = throttled if is_throttle else "InternalError"
        error = f"<Error><Type>Receiver</Type><Code>{code}</Code><Message>{kind}</Message></Error>"
        body = f"<ErrorResponse>{error}<RequestId>made-up</RequestId></ErrorResponse>"
        self.reply(429 if is_throttle else 500, [("Content-Type", "text/xml")], body.encode())

    def hang_up(self) -> None:
        """Ends the connection without an answer."""
        self.close_connection = True
        self.connection.close()


def told_by(headers: Any) -> tuple[str, str]:
    """Account and service of a signed request."""
    found = CREDENTIAL.search(headers.get("Authorization", ""))
    return (found[1], found[2]) if found else ("", "")


def operation_of(headers: Any, body: bytes) -> str:
    """What is asked."""
    target = headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    return urllib.parse.parse_qs(body.decode(errors="replace")).get("Action", [""])[0]


def key_of(body: bytes) -> str:
    """The partition key that a request of DynamoDB names."""
    asked = json.loads(body or b"{}")
    return (asked.get("Key") or asked.get("Item") or {}).get("pk", {}).get("S", "")


def item_size(item: dict[str, dict[str, Any]]) -> int:
    """The bytes of names and values, as DynamoDB counts them; sets are the sum of their members."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: dict[str, Any]) -> int:
    """The bytes of one value."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content) // 2 + 1
        case "B":
            return len(content) * 3 // 4 - content.count("=")
        case "SS" | "NS" | "BS":
            return sum(value_size({kind[0]: member}) for member in content)
        case "L":
            return 3 + sum(1 + value_size(member) for member in content)
        case "M":
            return 3 + len(content) + item_size(content)
    return 1

"""What is denied by hand: the command against a stack, with a policy of IAM and sets of WAF."""

import datetime
import http.client
import http.server
import json
import os
import subprocess
import threading
import urllib.parse
from typing import Any, Iterator

import pytest

from . import events
from .conftest import Deploy
from .deployment import Deployment, bodies
from .proxy import operation_of, told_by
from .scan import CALLERWATCH

# Where those sit who ask: never denied.
ME = "198.51.100.77"
# Methods of S3 that change nothing; of the other services, how operations begin that do not.
READING = ("Get", "Describe", "List", "Query", "BatchGet", "Head")


class Wire:
    """Passes everything on to the emulator, and keeps what was asked."""

    def __init__(self, upstream: str) -> None:
        where = urllib.parse.urlsplit(upstream)
        asked: list[tuple[str, str]] = []
        self.asked = asked

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                _, service = told_by(self.headers)
                operation = self.command.title() if service == "s3" else operation_of(self.headers, body)
                asked.append((service, operation))
                drop = ("connection", "content-length", "expect", "transfer-encoding")
                headers = {k: v for k, v in self.headers.items() if k.lower() not in drop}
                connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                self.send_response_only(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in drop:
                        self.send_header(key, value)
                length = answer.headers["Content-Length"] if self.command == "HEAD" else None
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def changes(self) -> list[tuple[str, str]]:
        """What was asked that may change something."""
        # Whose credentials they are is asked by a name that begins so too.
        return [it for it in self.asked if not it[1].startswith(READING)]


class Denying:
    """A stack, and what it denies by."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        stack = deployment.stack
        self.table = deployment.outputs["TableName"]
        self.iam = stack.client("iam")
        self.waf = stack.client("wafv2")
        self.iam.create_group(GroupName="people")
        statement = {"Sid": "Others", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}
        self.policy = self.iam.create_policy(
            PolicyName="callerwatch-deny",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        )["Policy"]["Arn"]
        self.set = self.waf.create_ip_set(
            Name="denied", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[]
        )["Summary"]
        self.say("enforce")

    def say(self, mode: str) -> None:
        """Says what the function would say."""
        settings = {
            "mode": mode,
            "targets": [["policy", self.policy], ["ipv4-set", self.set["ARN"]]],
            "attached_to": [f"arn:aws:iam::{self.deployment.account}:group/people"],
            "break_glass": [],
            "account": self.deployment.account,
            "state_bucket": self.deployment.state_bucket,
            "topic_arn": self.deployment.outputs["AlertsTopicArn"],
            "revoked_roles": [],
        }
        item = {"pk": "response", "sk": "settings", "settings": json.dumps(settings)}
        self.deployment.dynamodb.put_item(
            TableName=self.table, Item={name: {"S": value} for name, value in item.items()}
        )

    def run(
        self, *arguments: str, status: int = 0, wire: Wire | None = None, said: str = ""
    ) -> str:
        """What a command says: of its two outputs the one that it should speak on."""
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": wire.url if wire else self.deployment.emulator.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.deployment.account,
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        told = subprocess.run(
            [str(CALLERWATCH), "block", *arguments, "--table", self.table],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
            input=said,
        )
        assert told.returncode == status, (told.returncode, told.stdout, told.stderr)
        return told.stdout if status < 2 else told.stderr

    def add(self, address: str, *arguments: str, status: int = 0) -> str:
        """Denies an address, of whose account nobody knows who works there."""
        known = ("--cut-off", self.deployment.account, "--my-address", ME)
        return self.run("add", address, "--reason", "a scanner", *known, *arguments, status=status)

    def in_policy(self) -> list[str]:
        """The addresses that the policy denies."""
        default = self.iam.get_policy(PolicyArn=self.policy)["Policy"]["DefaultVersionId"]
        document = self.iam.get_policy_version(PolicyArn=self.policy, VersionId=default)
        statements = document["PolicyVersion"]["Document"]["Statement"]
        assert any(it.get("Sid") == "Others" for it in statements), "what others wrote stays"
        ours = [it for it in statements if it.get("Sid") == "CallerwatchDeny"]
        return [ip for it in ours for ip in it["Condition"]["IpAddress"]["aws:SourceIp"]]

    def in_set(self) -> list[str]:
        """The addresses of the set of WAF."""
        told = self.waf.get_ip_set(Name="denied", Scope="REGIONAL", Id=self.set["Id"])
        return sorted(told["IPSet"]["Addresses"])

    def put_by_others(self, address: str) -> None:
        """Somebody else puts an address into the set."""
        key = {"Name": "denied", "Scope": "REGIONAL", "Id": self.set["Id"]}
        held = self.waf.get_ip_set(**key)
        addresses = [*held["IPSet"]["Addresses"], address]
        self.waf.update_ip_set(**key, Addresses=addresses, LockToken=held["LockToken"])

    def denials(self) -> dict[str, dict[str, Any]]:
        """What `list` says of denials, by network."""
        lines = [json.loads(it) for it in self.run("list", "--format", "json").splitlines()]
        return {it["network"]: it for it in lines if "network" in it}

    def trail(self) -> list[dict[str, Any]]:
        """All changes of the audit trail, in its order."""
        told = self.deployment.s3.list_objects_v2(
            Bucket=self.deployment.state_bucket, Prefix="responses/"
        )
        objects = [
            self.deployment.s3.get_object(Bucket=self.deployment.state_bucket, Key=it["Key"])
            for it in told.get("Contents", [])
        ]
        bodies = [json.loads(it["Body"].read()) for it in objects]
        return [{**change, "holder": it["holder"]} for it in bodies for change in it["changes"]]


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    return deploy()


@pytest.fixture(scope="module")
def denying(deployment: Deployment) -> Iterator[Denying]:
    stack = deployment
    command = Denying.__new__(Denying)
    command.deployment, command.table = stack, stack.outputs["TableName"]
    told = command.run("list", status=2)
    assert "RespondMode" in told and "DenyGroups" in told, "what is off says how it is switched on"
    known = ("--cut-off", stack.account, "--my-address", ME)
    told = command.run("explain", "203.0.113.8", "--state-bucket", stack.state_bucket, *known)
    assert told.startswith("203.0.113.8 may be denied\n") and "none that could deny it" in told
    yield Denying(stack)


def test_added_explained_listed_and_rolled_back(denying: Denying) -> None:
    inbox = denying.deployment.inbox("denied")
    told = denying.add("203.0.113.7")
    assert "203.0.113.7 denied in policy" in told and "203.0.113.7 denied in ipv4-set" in told
    assert denying.in_policy() == ["203.0.113.7"]
    assert denying.in_set() == ["203.0.113.7/32"]
    groups = denying.iam.list_attached_group_policies(GroupName="people")["AttachedPolicies"]
    assert [it["PolicyArn"] for it in groups] == [denying.policy]
    denying.add("2001:db8:7::1", "--hours", "2")
    assert denying.in_policy() == ["203.0.113.7", "2001:db8:7::/64"]

    denial = denying.denials()["203.0.113.7/32"]
    assert {it["state"] for it in denial["states"]} == {"denied"}
    [cause] = denial["causes"]
    assert cause["title"].startswith("a scanner (by hand, arn:aws:"), cause
    text = denying.run("list")
    assert "23 h 59 min left" in text and "1 h 59 min left" in text, text
    assert f"ipv4-set {denying.set['ARN']}: 1 of ours, 0 of others" in text, text

    # Again, and for longer.
    told = denying.add("203.0.113.7", "--hours", "48")
    assert "203.0.113.7 extended: until 20" in told
    assert len(denying.denials()["203.0.113.7/32"]["causes"]) == 2

    wire = Wire(denying.deployment.emulator.url)
    known = ("--cut-off", denying.deployment.account, "--my-address", ME)
    told = denying.run("explain", "203.0.113.8", *known, wire=wire)
    assert wire.changes() == [], "it changes nothing"
    assert ("s3", "Get") in wire.asked and ("dynamodb", "GetItem") in wire.asked, wire.asked
    assert told.startswith("203.0.113.8 may be denied\n"), told
    assert "holds 2 of ours and 0 of others; would hold 3 of ours" in told
    assert 'displayName":"callerwatch-deny-203-0-113-8-32"' in told
    assert "gcloud access-context-manager levels create callerwatch_deny_203_0_113_8_32" in told

    told = denying.run("remove", "203.0.113.9", status=2)
    assert "203.0.113.9 is not denied" in told
    denying.run("remove", "2001:db8:7::1")
    assert denying.in_policy() == ["203.0.113.7"]
    assert list(denying.denials()) == ["203.0.113.7/32"]

    denying.put_by_others("203.0.113.99/32")
    told = denying.run("rollback", status=2, said="no\n")
    assert "nothing was changed" in told
    assert denying.in_set() == ["203.0.113.7/32", "203.0.113.99/32"]
    told = denying.run("rollback", "--yes")
    assert "203.0.113.7 removed" in told and "others put there 203.0.113.99/32" in told, told
    assert "203.0.113.7" not in denying.in_policy()
    assert denying.in_set() == ["203.0.113.99/32"]
    assert denying.denials() == {}
    assert denying.deployment.item("response", "lease") == {}

    trail = denying.trail()
    whats = [it["what"] for it in trail]
    assert {"denied", "extended", "removed", "foreign"} <= set(whats), whats
    assert all("by hand" in it["holder"] and "arn:aws:" in it["holder"] for it in trail)
    inbox.read()
    notices = [json.loads(told) for told, values in inbox.received if "response" in values]
    assert [it["what"] for notice in notices for it in notice["changes"]] == whats


def test_refused(denying: Denying) -> None:
    """Each says why; nothing is denied for them."""
    trusted = '[[trusted_networks]]\nname = "office"\nnetworks = ["198.51.100.0/28"]\n'
    denying.deployment.policy(trusted)
    told = denying.run("add", "203.0.113.7", "--reason", "x", "--my-address", ME, status=1)
    assert f"nobody knows who works there: of {denying.deployment.account}" in told
    assert f"to deny it all the same: --cut-off '{denying.deployment.account}'" in told
    for address, why in [
        ("198.51.100.3", "198.51.100.3/32 lies in 198.51.100.0/28 of the trusted network office"),
        (ME, f"{ME} is where you call from yourself"),
        ("10.0.0.5", "10.0.0.5 is a private address"),
        ("198.51.100.0/23", "198.51.100.0/23 is wider than /24"),
        ("\x1b[31mred", "`\\u{1b}[31mred` is neither an address nor a prefix"),
    ]:
        told = denying.add(address, status=1)
        assert why in told and "\x1b" not in told, told
    explained = denying.run(
        "explain", "198.51.100.3", "--my-address", ME, "--format", "json", status=1
    )
    verdicts = {it["guard"]: it["verdict"] for it in json.loads(explained)["guards"]}
    assert verdicts["trusted"] == verdicts["history"] == "refuse"
    assert verdicts["width"] == verdicts["caller"] == "pass"
    told = denying.run("add", "203.0.113.7", "--reason", " ", "--my-address", ME, status=2)
    assert "the reason must have 1 to 200 characters" in told
    assert denying.denials() == {}


def test_whoever_works_there_has_to_be_named(denying: Denying) -> None:
    now = datetime.datetime.now(datetime.UTC)
    start = (now - events.NOON).total_seconds() - 600
    for principal in ("alice", "bob"):
        records = events.ordinary("203.0.113.50", principal, 1, start)
        assert denying.deployment.invoke_batch(bodies(records)) == []
    told = denying.add("203.0.113.50", status=1)
    assert "would have cut off 2 principals: " in told, told
    asked = ("203.0.113.50", "--my-address", ME, "--format", "json")
    guards = json.loads(denying.run("explain", *asked, status=1))["guards"]
    [healthy] = [it for it in guards if it["guard"] == "healthy"]
    [first, second] = healthy["reasons"][0]["unless_named"]
    denying.add("203.0.113.50", "--cut-off", first, status=1)
    assert denying.denials() == {}
    denying.add("203.0.113.50", "--cut-off", first, "--cut-off", second)
    assert list(denying.denials()) == ["203.0.113.50/32"]
    denying.run("rollback", said="yes\n")
    assert denying.denials() == {}


def test_a_dry_run_changes_nothing(denying: Denying) -> None:
    wire = Wire(denying.deployment.emulator.url)
    trail = denying.trail()
    known = ("--cut-off", denying.deployment.account, "--my-address", ME)
    for mode, more in [("enforce", ["--dry-run"]), ("dry-run", [])]:
        denying.say(mode)
        before = denying.deployment.items()
        told = denying.run("add", "203.0.113.7", "--reason", "a scanner", *known, *more, wire=wire)
        assert denying.deployment.items() == before
    assert told.startswith("a dry run: nothing was changed; it would be:\n"), told
    assert "203.0.113.7 denied in policy" in told
    assert wire.changes() == []
    assert denying.trail() == trail
    denying.say("enforce")

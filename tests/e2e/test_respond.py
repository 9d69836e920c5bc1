"""What denies addresses: from an attack to the policy and the sets, and back.

Its requests go through a proxy of their own, IAM's, WAF's and those of S3 too, so that what a dry run
asks is seen, and what is refused meanwhile is made up. No test waits for a denial to end: its item
says until when it lasts.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import time
import urllib.parse
from typing import Any, Callable, Iterator

import pytest
from emulator import Emulator, wait_for

from . import events
from .deployment import RANGES, Deployment, Inbox, batch
from .proxy import Fault, Proxy
from .scan import CALLERWATCH

# Calls of yesterday are denied for whatever the hour is. Without what AWS publishes nothing is denied.
LISTS = '[[lists]]\npath = "ranges.txt"\ncategory = "cloud"\n'
# What is left to a digest is not denied: the budgets are for more attacks than are made here.
POLICY = LISTS + '[response]\nseverity = "Low"\nhours = 96\nnew_an_hour = 100\n[announcements]\nhigh = 200\n'
# What changes nothing, of each service that the function asks.
READS = {
    "dynamodb": ("GetItem", "Query"),
    "iam": ("Get", "List"),
    "wafv2": ("Get", "List"),
    "organizations": ("Describe",),
    "s3": ("GET", "HEAD"),
    # That is the announcement.
    "sns": ("PublishBatch",),
}
ACCOUNTS = iter(range(300_000_000_001, 300_000_000_100))


class Response:
    """A deployment that denies."""

    def __init__(self, deployment: Deployment, sets: dict[str, dict[str, str]], inbox: Inbox) -> None:
        self.deployment = deployment
        self.sets = sets
        self.inbox = inbox
        self.iam = deployment.stack.client("iam")
        self.waf = deployment.stack.client("wafv2")
        self.policy_arn = deployment.outputs["DenyPolicyArn"]

    def in_policy(self) -> set[str]:
        """The addresses that the policy denies."""
        (statement,) = self.document()["Statement"]
        told = statement["Condition"]["IpAddress"]["aws:SourceIp"]
        return set(told if isinstance(told, list) else [told]) - {"192.0.2.0/32", "192.0.2.0"}

    def document(self) -> dict[str, Any]:
        """The default version of the policy."""
        told = self.iam.get_policy_version(PolicyArn=self.policy_arn, VersionId=self.version())
        document = told["PolicyVersion"]["Document"]
        return document if isinstance(document, dict) else json.loads(urllib.parse.unquote(document))

    def version(self) -> str:
        """Its id."""
        return self.iam.get_policy(PolicyArn=self.policy_arn)["Policy"]["DefaultVersionId"]

    def write_policy(self, document: dict[str, Any]) -> None:
        """Writes the policy, as somebody would by hand."""
        versions = self.iam.list_policy_versions(PolicyArn=self.policy_arn)["Versions"]
        older = [it["VersionId"] for it in versions if not it["IsDefaultVersion"]]
        if len(versions) == 5:
            self.iam.delete_policy_version(PolicyArn=self.policy_arn, VersionId=older[-1])
        text = json.dumps(document)
        self.iam.create_policy_version(PolicyArn=self.policy_arn, PolicyDocument=text, SetAsDefault=True)

    def in_set(self, kind: str) -> set[str]:
        """The networks of a set."""
        told = self.waf.get_ip_set(Scope="REGIONAL", Id=self.sets[kind]["Id"], Name=kind)
        return set(told["IPSet"]["Addresses"])

    def write_set(self, kind: str, addresses: set[str]) -> None:
        """Writes a set, as somebody would by hand."""
        told = self.waf.get_ip_set(Scope="REGIONAL", Id=self.sets[kind]["Id"], Name=kind)
        self.waf.update_ip_set(
            Scope="REGIONAL", Id=self.sets[kind]["Id"], Name=kind,
            Addresses=sorted(addresses), LockToken=told["LockToken"],
        )

    def denials(self) -> dict[str, dict[str, Any]]:
        """What is denied, by network."""
        items = [it for it in self.deployment.items() if it["pk"]["S"] == "denials"]
        return {it["sk"]["S"]: json.loads(it["denial"]["S"]) for it in items}

    def expire(self) -> None:
        """Ends all denials, and has that seen to."""
        table = self.deployment.outputs["TableName"]
        for network, denial in self.denials().items():
            denial["until"] = int(time.time() * 1000) - 1
            self.deployment.dynamodb.update_item(
                TableName=table,
                Key={"pk": {"S": "denials"}, "sk": {"S": network}},
                UpdateExpression="SET denial = :denial",
                ExpressionAttributeValues={":denial": {"S": json.dumps(denial)}},
            )
        self.look_after()

    def attack(self, records: list[events.Record]) -> None:
        """Has an incident read at once, so that its alert is whole when it is told."""
        self.deployment.invoke({"Records": records})

    def look_after(self) -> None:
        """What the schedule does."""
        self.deployment.invoke({}, "RespondFunctionName")

    def tell(self, uids: list[str]) -> list[int]:
        """Hands alerts to the function, as the queue does; answers the places that come back."""
        bodies = [json.dumps({"finding_info": {"uid": uid}}) for uid in uids]
        answer = self.deployment.invoke(batch(bodies), "RespondFunctionName")
        return sorted(int(it["itemIdentifier"]) for it in answer["batchItemFailures"])

    def by_hand(self, *arguments: str) -> str:
        """What `callerwatch block` says, of a person with all rights."""
        credentials = self.deployment.emulator.credentials(self.deployment.account)
        table = self.deployment.outputs["TableName"]
        told = subprocess.run(
            [str(CALLERWATCH), "block", *arguments, "--table", table],
            capture_output=True, text=True, timeout=120, check=False, env=os.environ | credentials,
        )
        assert told.returncode == 0, (told.returncode, told.stdout, told.stderr)
        return told.stdout

    def outbox(self) -> list[str]:
        """What was recorded and nobody announced yet."""
        items = [it for it in self.deployment.items() if it["pk"]["S"] == "response"]
        return [it["changes"]["S"] for it in items if it["sk"]["S"].startswith("outbox#")]

    def notices(self) -> list[dict[str, Any]]:
        """What was told of what changed."""
        self.inbox.read()
        return [json.loads(told) for told, values in self.inbox.received if "response" in values]

    def told(self, what: str) -> list[dict[str, Any]]:
        """The changes of a kind that were told."""
        return [it for notice in self.notices() for it in notice["changes"] if it["what"] == what]

    def trail(self) -> list[dict[str, Any]]:
        """The audit trail."""
        pages = self.deployment.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.deployment.state_bucket, Prefix="responses/"
        )
        keys = [it["Key"] for page in pages for it in page.get("Contents", [])]
        bucket = self.deployment.state_bucket
        objects = [self.deployment.s3.get_object(Bucket=bucket, Key=key) for key in keys]
        return [it for object in objects for it in json.loads(object["Body"].read())["changes"]]

    def settle(self) -> None:
        """Waits until no alert is on its way."""
        sqs = self.deployment.sqs
        queue = self.deployment.outputs["RespondQueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def is_idle() -> bool:
            told = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
            return all(told[name] == "0" for name in names)

        self.deployment.wait_until_idle()
        wait_for("alerts to be served", is_idle, 60)

    def history(self) -> None:
        """Has an ordinary call seen of yesterday, in each of the accounts concerned."""
        for account in (self.deployment.account, events.ACCOUNT):
            who = events.record("203.0.113.200", "erin", 0, "ec2", "DescribeInstances")
            who["userIdentity"]["accountId"] = who["recipientAccountId"] = account
            who["eventID"] = f"history-{account}"
            self.deployment.invoke({"Records": [who]})


Answering = Callable[..., Response]


@pytest.fixture(scope="module")
def wire() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def answering(wire: Proxy, built: pathlib.Path) -> Iterator[Answering]:
    """Deploys what denies, into an account of its own."""
    services = ("DYNAMODB", "SNS", "IAM", "WAFV2", "S3", "ORGANIZATIONS")
    environment = {f"AWS_ENDPOINT_URL_{it}": wire.url for it in services}
    with Emulator(environment=environment) as emulator:
        wire.upstream = emulator.url

        def answering(mode: str, *, history: bool = True, organization: str = "") -> Response:
            account = str(next(ACCOUNTS))
            iam, waf = emulator.client("iam", account), emulator.client("wafv2", account)
            iam.create_group(GroupName="people")
            sets = {
                kind: waf.create_ip_set(
                    Name=kind, Scope="REGIONAL", IPAddressVersion=kind, Addresses=[]
                )["Summary"]
                for kind in ("IPV4", "IPV6")
            }
            parameters = {
                "RespondMode": mode,
                "DenyGroups": "people",
                "BreakGlassArns": "arn:aws:iam::*:role/break-glass",
                "Ipv4SetArn": sets["IPV4"]["ARN"],
                "Ipv6SetArn": sets["IPV6"]["ARN"],
            }
            if organization:
                client = emulator.client("organizations", account)
                made = client.create_policy(
                    Name="deny", Description="", Content=organization, Type="SERVICE_CONTROL_POLICY"
                )
                parameters["OrganizationPolicyArn"] = made["Policy"]["PolicySummary"]["Arn"]
            stack = emulator.deploy(parameters=parameters, code=built, account=account)
            deployment = Deployment(emulator, wire, stack, None)
            deployment.sqs.set_queue_attributes(
                QueueUrl=deployment.outputs["RespondQueueUrl"], Attributes={"VisibilityTimeout": "4"}
            )
            deployment.policy(POLICY, ranges=RANGES)
            response = Response(deployment, sets, deployment.inbox())
            if history:
                response.history()
            return response

        yield answering


@pytest.fixture(scope="module")
def enforcing(answering: Answering) -> Response:
    return answering("enforce")


def uid_of(response: Response, source: str) -> str:
    """The uid of the alert of a source, once there is one."""

    def found() -> str | None:
        for item in response.deployment.items():
            if item.get("source", {}).get("S") == source and "title" in item:
                return item["pk"]["S"].removeprefix("alert#")
        return None

    return wait_for(f"the alert of {source}", found)


def states_of(response: Response, address: str) -> list[dict[str, Any]]:
    """What the command says of an address, by target."""
    lines = response.by_hand("list", "--format", "json").splitlines()
    return [
        state
        for it in map(json.loads, lines)
        if it.get("network") == f"{address}/32"
        for state in it["states"]
    ]


def test_an_attack_is_denied_and_let_go_again(enforcing: Response) -> None:
    enforcing.attack(events.brute_force("203.0.113.1"))
    enforcing.attack(events.brute_force("2001:db8:7::1"))
    v6 = "2001:db8:7::/64"
    wait_for("both to be denied", lambda: {"203.0.113.1", v6} <= enforcing.in_policy(), 60)
    wait_for("both to be in the sets", lambda: enforcing.in_set("IPV4") and enforcing.in_set("IPV6"))
    enforcing.settle()
    assert enforcing.in_set("IPV4") == {"203.0.113.1/32"}
    assert {it.replace("0000", "0") for it in enforcing.in_set("IPV6")} == {v6}
    (statement,) = enforcing.document()["Statement"]
    assert statement["Condition"]["Bool"] == {"aws:ViaAWSService": "false"}
    assert "arn:aws:iam::*:role/break-glass" in json.dumps(statement["Condition"]["ArnNotLike"])
    # It was told and written down: in the policy and in a set, of each.
    denied = {(it["network"], it["target"].split(" ")[0]) for it in enforcing.told("denied")}
    expected = {("203.0.113.1/32", "ipv4-set"), ("203.0.113.1/32", "policy"), (v6, "ipv6-set"), (v6, "policy")}
    assert denied == expected
    written = {(it["network"], it["target"].split(" ")[0]) for it in enforcing.trail() if it["what"] == "denied"}
    assert written == expected

    # The same again changes nothing, once all is known that was found after it was told.
    uids = [uid_of(enforcing, "203.0.113.1"), uid_of(enforcing, v6)]
    assert enforcing.tell(uids) == []
    before = (enforcing.version(), len(enforcing.notices()), len(enforcing.trail()), enforcing.denials())
    assert enforcing.tell(uids) == []
    enforcing.look_after()
    after = (enforcing.version(), len(enforcing.notices()), len(enforcing.trail()), enforcing.denials())
    assert after == before

    enforcing.expire()
    assert (enforcing.in_policy(), enforcing.in_set("IPV4"), enforcing.in_set("IPV6")) == (set(), set(), set())
    assert enforcing.denials() == {}
    wait_for("it to be told", lambda: {it["network"] for it in enforcing.told("expired")} == {"203.0.113.1/32", v6})


def test_drift_is_repaired_and_what_others_added_stays(enforcing: Response) -> None:
    enforcing.attack(events.brute_force("203.0.113.2"))
    wait_for("it to be denied", lambda: "203.0.113.2/32" in enforcing.in_set("IPV4"), 60)
    enforcing.settle()
    # Somebody takes ours out of the set and puts theirs there; somebody detaches the policy.
    enforcing.write_set("IPV4", {"198.51.100.0/28"})
    enforcing.iam.detach_group_policy(GroupName="people", PolicyArn=enforcing.policy_arn)
    enforcing.look_after()
    assert enforcing.in_set("IPV4") == {"203.0.113.2/32", "198.51.100.0/28"}
    attached = enforcing.iam.list_attached_group_policies(GroupName="people")["AttachedPolicies"]
    assert [it["PolicyArn"] for it in attached] == [enforcing.policy_arn]
    wait_for("both to be told", lambda: len(enforcing.told("repaired")) == 2)
    wait_for("theirs to be told", lambda: len(enforcing.told("foreign")) == 1)
    # Once; and theirs is not taken away with ours.
    enforcing.look_after()
    assert len(enforcing.told("foreign")) == 1
    enforcing.expire()
    assert enforcing.in_set("IPV4") == {"198.51.100.0/28"}
    enforcing.write_set("IPV4", set())


def test_what_became_trusted_is_let_go(enforcing: Response) -> None:
    address = "203.0.113.7"
    enforcing.attack(events.brute_force(address))
    wait_for("it to be denied", lambda: f"{address}/32" in enforcing.in_set("IPV4"), 60)
    enforcing.settle()
    uid = uid_of(enforcing, address)
    # That alone, since it is known a while longer than this takes.
    trusted = f'[[trusted_networks]]\nname = "office"\nnetworks = ["{address}/32"]\n'
    enforcing.deployment.policy(POLICY + trusted)

    def is_let_go() -> bool:
        enforcing.look_after()
        return enforcing.in_set("IPV4") == set()

    # A policy is in force within a minute.
    wait_for("it to be let go", is_let_go, 90)
    assert enforcing.in_policy() == set()
    wait_for("it to be told", lambda: enforcing.told("removed"))
    assert "trusted network office" in json.dumps(enforcing.told("removed"))
    # The same alert does not bring it back, not even once it is not trusted any more.
    enforcing.deployment.policy(POLICY)
    assert enforcing.tell([uid]) == []
    assert enforcing.in_set("IPV4") == set()
    # Nor is what was let go a denial: its item is forgotten later.
    [denial] = enforcing.denials().values()
    assert denial["removed"]["is_done"] is True
    enforcing.deployment.dynamodb.delete_item(
        TableName=enforcing.deployment.outputs["TableName"],
        Key={"pk": {"S": "denials"}, "sk": {"S": f"{address}/32"}},
    )


def test_forged_messages_deny_nobody(enforcing: Response) -> None:
    victim = "198.51.100.7"
    forged = {
        "finding_info": {"uid": "0" * 32, "analytic": {"uid": "password-spray"}},
        "severity_id": 5,
        "risk_score": 100,
        "evidences": [{"src_endpoint": {"ip": victim}}],
    }
    attributes = {
        "severity": {"DataType": "String", "StringValue": "Critical"},
        "detection": {"DataType": "String", "StringValue": "password-spray"},
    }
    sns = enforcing.deployment.stack.client("sns")
    topic = enforcing.deployment.outputs["AlertsTopicArn"]
    sns.publish(TopicArn=topic, Message=json.dumps(forged), MessageAttributes=attributes)
    queue = enforcing.deployment.outputs["RespondQueueUrl"]
    for body in (json.dumps(forged), "[" * 5000, '{"finding_info": {"uid": "a#b"}}', victim):
        enforcing.deployment.sqs.send_message(QueueUrl=queue, MessageBody=body)
    enforcing.settle()
    assert enforcing.denials() == {}
    assert victim not in enforcing.in_policy()
    assert enforcing.in_set("IPV4") == set()

    # A message of an alert that there is says nothing but which: its own address is denied.
    enforcing.attack(events.brute_force("203.0.113.3"))
    uid = uid_of(enforcing, "203.0.113.3")
    enforcing.settle()
    forged["finding_info"]["uid"] = uid
    answer = enforcing.deployment.invoke(batch([json.dumps(forged)]), "RespondFunctionName")
    assert answer == {"batchItemFailures": []}
    assert enforcing.in_set("IPV4") == {"203.0.113.3/32"}
    enforcing.expire()


def test_a_gateway_of_healthy_people_is_not_denied(enforcing: Response) -> None:
    """Whoever fails through somebody's gateway does not have it denied, and is told whom it would hit."""
    gateway = "203.0.113.4"
    for who in ("heidi", "ivan", "judy"):
        enforcing.attack(events.ordinary(gateway, who, 2))
    enforcing.attack(events.incident("error-burst", gateway))
    uid_of(enforcing, gateway)
    refused = wait_for(
        "the refusal to be told",
        lambda: [it for it in enforcing.told("refused") if it["network"] == f"{gateway}/32"], 60,
    )
    assert "would have cut off 3 principals" in refused[0]["why"]
    enforcing.settle()
    assert f"{gateway}/32" not in enforcing.denials()
    assert gateway not in enforcing.in_policy()


def test_twenty_at_once_while_others_write_and_are_throttled(enforcing: Response, wire: Proxy) -> None:
    addresses = [f"203.0.113.{20 + n}" for n in range(20)]
    queue = enforcing.deployment.outputs["RespondQueueUrl"]
    (mapping,) = [
        it for it in enforcing.deployment.functions.list_event_source_mappings()["EventSourceMappings"]
        if it["EventSourceArn"] == enforcing.deployment.arn_of(queue)
    ]
    # Nothing is served by the queue meanwhile: these come all at once.
    enforcing.deployment.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for address in addresses:
        enforcing.attack(events.incident("password-spray", address))
    uids = [uid_of(enforcing, address) for address in addresses]
    wire.set_faults(
        enforcing.deployment.account,
        Fault("wafv2", "conflict", share=0.4, operation="UpdateIPSet"),
        Fault("wafv2", "throttle", share=0.2),
        Fault("iam", "throttle", share=0.2),
    )

    def until_served(uid: str) -> None:
        wait_for(f"{uid} to be served", lambda: enforcing.tell([uid]) == [], 240)

    try:
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(until_served, uids))
    finally:
        wire.set_faults(enforcing.deployment.account)
    enforcing.look_after()
    assert enforcing.in_set("IPV4") == {f"{it}/32" for it in addresses}
    assert enforcing.in_policy() == set(addresses)
    assert set(enforcing.denials()) == {f"{it}/32" for it in addresses}
    (statement,) = enforcing.document()["Statement"]
    assert len(statement["Condition"]["IpAddress"]["aws:SourceIp"]) == 20, "none twice"
    enforcing.deployment.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    enforcing.expire()
    assert enforcing.in_set("IPV4") == set()


def test_an_answer_that_was_lost_makes_nothing_of_ours_others(enforcing: Response, wire: Proxy) -> None:
    """A set is written and nobody is told: who asks again meets its own lock token."""
    address = "203.0.113.60"
    lost = Fault("wafv2", "lost", times=1, operation="UpdateIPSet")
    # The emulator holds nobody to a lock token.
    conflict = Fault("wafv2", "conflict", times=1, operation="UpdateIPSet")
    wire.set_faults(enforcing.deployment.account, lost, conflict)
    try:
        enforcing.attack(events.brute_force(address))
        wait_for("it to be denied", lambda: f"{address}/32" in enforcing.in_set("IPV4"), 60)
        enforcing.settle()
        wait_for("its alert to be served", lambda: enforcing.tell([uid_of(enforcing, address)]) == [], 60)
    finally:
        wire.set_faults(enforcing.deployment.account)
    assert (lost.met, conflict.met) == (1, 1)
    enforcing.look_after()
    assert {it["state"] for it in states_of(enforcing, address)} == {"denied"}
    assert not [it for it in enforcing.told("foreign") if address in it["why"]]
    enforcing.expire()
    assert enforcing.in_set("IPV4") == set()


def test_a_rollback_takes_out_ours_and_leaves_what_others_added(enforcing: Response) -> None:
    address, before = "203.0.113.61", enforcing.document()
    enforcing.attack(events.brute_force(address))
    wait_for("it to be denied", lambda: address in enforcing.in_policy(), 60)
    wait_for("it to be in the set", lambda: f"{address}/32" in enforcing.in_set("IPV4"), 60)
    enforcing.settle()
    # Meanwhile somebody puts addresses into the set and the policy, and a statement beside ours.
    enforcing.write_set("IPV4", enforcing.in_set("IPV4") | {"198.51.100.0/28"})
    document = enforcing.document()
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}
    listed = document["Statement"][0]["Condition"]["IpAddress"]
    listed["aws:SourceIp"] = sorted({*enforcing.in_policy(), "198.51.100.64/28"})
    document["Statement"].insert(0, theirs)
    enforcing.write_policy(document)

    told = enforcing.by_hand("rollback", "--yes")
    assert f"{address} removed in policy" in told and f"{address} removed in ipv4-set" in told, told
    assert enforcing.in_set("IPV4") == {"198.51.100.0/28"}
    (first, ours) = enforcing.document()["Statement"]
    assert first == theirs
    assert ours["Sid"] == "CallerwatchDeny"
    assert ours["Condition"]["IpAddress"]["aws:SourceIp"] == ["198.51.100.64/28"]
    # Nothing is in the way of whoever deletes the policy.
    versions = enforcing.iam.list_policy_versions(PolicyArn=enforcing.policy_arn)["Versions"]
    assert [it["IsDefaultVersion"] for it in versions] == [True]
    # And the same alert brings nothing back.
    assert enforcing.tell([uid_of(enforcing, address)]) == []
    enforcing.look_after()
    assert enforcing.in_set("IPV4") == {"198.51.100.0/28"}
    enforcing.write_set("IPV4", set())
    enforcing.write_policy(before)
    enforcing.look_after()
    assert enforcing.in_policy() == set()


def test_what_was_recorded_is_announced_whoever_could_not(enforcing: Response, wire: Proxy) -> None:
    address, account = "203.0.113.63", enforcing.deployment.account
    network = f"{address}/32"
    enforcing.attack(events.brute_force(address))
    wait_for("it to be denied", lambda: network in enforcing.in_set("IPV4"), 60)
    enforcing.settle()
    wait_for("it to be told", lambda: len([it for it in enforcing.told("denied") if it["network"] == network]) == 2)
    assert enforcing.outbox() == []
    name = enforcing.deployment.outputs["RespondFunctionName"]
    functions = enforcing.deployment.functions
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    before = len(enforcing.told("repaired"))

    # What is repaired is recorded, and whoever repaired it is gone before it could be announced.
    enforcing.write_set("IPV4", set())
    down = Fault("sns", "error", operation="PublishBatch")
    wire.set_faults(account, down)
    try:
        enforcing.look_after()
        anew = {"Variables": variables | {"ANEW": "yes"}}
        functions.update_function_configuration(FunctionName=name, Environment=anew)
        # Nor can the next: that stays too, and is not recorded again.
        enforcing.look_after()
        assert down.met > 1
        assert enforcing.in_set("IPV4") == {network}
        (left,) = enforcing.outbox()
        assert f"somebody had taken out {network}" in left
        # Nor can whoever takes it out by hand.
        credentials = enforcing.deployment.emulator.credentials(account)
        told = subprocess.run(
            [str(CALLERWATCH), "block", "remove", address, "--table", enforcing.deployment.outputs["TableName"]],
            capture_output=True, text=True, timeout=120, check=False,
            env=os.environ | credentials | {"AWS_ENDPOINT_URL_SNS": wire.url},
        )
        assert told.returncode == 2 and "was not announced" in told.stderr, (told.stdout, told.stderr)
        assert f"{address} removed" in told.stdout
        assert enforcing.in_set("IPV4") == set()
        assert len(enforcing.told("repaired")) == before
    finally:
        wire.set_faults(account)
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    enforcing.look_after()
    assert enforcing.outbox() == []

    def removed() -> list[str]:
        return sorted((it["target"] or "").split(" ")[0] for it in enforcing.told("removed") if it["network"] == network)

    wait_for("both to be told", lambda: len(enforcing.told("repaired")) > before and removed())
    # By each in a message, in their order, once; and all of the audit trail.
    enforcing.look_after()
    enforcing.inbox.read()
    words = [[it["what"] for it in notice["changes"]] for notice in enforcing.notices()[-2:]]
    assert words == [["repaired"], ["removed", "removed", "removed"]]
    assert len(enforcing.told("repaired")) == before + 1
    assert removed() == ["", "ipv4-set", "policy"]
    written = [json.dumps(it, sort_keys=True) for it in enforcing.trail()]
    told_of = [json.dumps(it, sort_keys=True) for what in {it["what"] for it in enforcing.trail()} for it in enforcing.told(what)]
    assert sorted(written) == sorted(told_of)


def test_what_was_denied_before_a_dry_run_is_said_to_stay(enforcing: Response) -> None:
    address = "203.0.113.62"
    enforcing.attack(events.brute_force(address))
    wait_for("it to be denied", lambda: f"{address}/32" in enforcing.in_set("IPV4"), 60)
    enforcing.settle()
    name = enforcing.deployment.outputs["RespondFunctionName"]
    functions = enforcing.deployment.functions
    told = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def is_said() -> list[str]:
        enforcing.look_after()
        log = enforcing.deployment.stack.function_log(name)
        return [it for it in log if "what was denied before stays denied" in it]

    try:
        changed = {"Variables": told | {"CALLERWATCH_RESPOND_MODE": "dry-run"}}
        functions.update_function_configuration(FunctionName=name, Environment=changed)
        said = wait_for("it to be said", is_said)
        assert "callerwatch block rollback --table TABLE" in said[0]
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": told})
    enforcing.by_hand("rollback", "--yes")
    assert enforcing.in_set("IPV4") == set()


def test_a_dry_run_changes_nothing(answering: Answering, wire: Proxy) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    content = {"Version": "2012-10-17", "Statement": [everything]}
    dry = answering("dry-run", organization=json.dumps(content))
    version = dry.version()
    address = "203.0.113.5"
    dry.attack(events.brute_force(address))
    uid = uid_of(dry, address)
    wait_for("it to be told", lambda: dry.told("denied"), 60)
    dry.settle()
    wire.count(dry.deployment.account)
    assert dry.tell([uid]) == []
    dry.look_after()
    # Digests come by the clock, and are none of this.
    asked = [it for it in wire.counted(dry.deployment.account) if not it.key.startswith("digest")]
    assert {it.service for it in asked} >= {"dynamodb", "iam", "wafv2", "organizations", "sns"}
    changing = [it for it in asked if not it.operation.startswith(READS[it.service])]
    assert changing == []
    assert {it["response"] for it in dry.notices()} == {"dry-run"}
    assert (dry.version(), dry.in_policy(), dry.in_set("IPV4")) == (version, set(), set())
    assert (dry.denials(), dry.trail()) == ({}, [])
    targets = {it["target"].split(" ")[0] for it in dry.told("denied")}
    assert targets == {"policy", "organization-policy", "ipv4-set"}
    organizations = dry.deployment.stack.client("organizations")
    (listed,) = [
        it for it in organizations.list_policies(Filter="SERVICE_CONTROL_POLICY")["Policies"]
        if it["Name"] == "deny"
    ]
    held = organizations.describe_policy(PolicyId=listed["Id"])["Policy"]["Content"]
    assert json.loads(held) == content


def test_nothing_is_denied_while_nobody_knows_who_works_there(answering: Answering) -> None:
    new = answering("enforce", history=False)
    address = "203.0.113.6"
    new.attack(events.incident("password-spray", address))
    uid = uid_of(new, address)
    refused = wait_for("the refusal to be told", lambda: new.told("refused"), 60)
    assert "nobody knows who works there" in refused[0]["why"]
    assert new.denials() == {}
    new.history()
    assert new.tell([uid]) == []
    assert set(new.denials()) == {f"{address}/32"}
    assert new.in_policy() == {address}

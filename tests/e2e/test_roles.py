"""Functions may do what their roles say, and that is enough for all they do.

What topics and keys allow by themselves is asserted on the template.
"""

import datetime
import json
import pathlib
from typing import Any, Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from emulator import REGION, Emulator, wait_for

from . import events
from .conftest import ACCOUNTS
from .deployment import RANGES, Deployment, batch, bodies
from .scan import detections


@pytest.fixture(scope="module")
def deployment(proxy: object, built: pathlib.Path) -> Iterator[Deployment]:
    account = str(next(ACCOUNTS))
    with Emulator(authorize=True) as emulator:
        trail = f"trail-{account}"
        emulator.client("s3", account).create_bucket(Bucket=trail)
        iam = emulator.client("iam", account)
        iam.create_group(GroupName="people")
        nobody = json.dumps({"Version": "2012-10-17", "Statement": []})
        iam.create_role(RoleName="deployer", Path="/teams/", AssumeRolePolicyDocument=nobody)
        parameters = {"TrailBucketName": trail, "TrailDelivery": "s3"}
        # Without sets: of what WAF is asked the emulator does not know the resource.
        parameters |= {"RespondMode": "enforce", "DenyGroups": "people", "DenyRoles": "deployer"}
        stack = emulator.deploy(parameters=parameters, code=built, account=account)
        deployment = Deployment(emulator, proxy, stack, trail)
        own = '[response]\nseverity = "Low"\nhours = 96\n'
        own += '[[lists]]\nname = "own"\ncategory = "malicious"\npath = "own.txt"\n'
        # Without what AWS publishes nothing is denied.
        own += '[[lists]]\npath = "ranges.txt"\ncategory = "cloud"\n'
        deployment.policy(own, own="203.0.113.9\n", ranges=RANGES)
        yield deployment


def test_roles_are_looked_at(deployment: Deployment) -> None:
    """What the role does not name is refused: an object of another bucket comes back."""
    s3 = deployment.s3
    s3.create_bucket(Bucket=f"other-{deployment.account}")
    s3.put_object(Bucket=f"other-{deployment.account}", Key="a.json.gz", Body=b"{}")
    notice = deployment.notice("a.json.gz")
    notice["Records"][0]["s3"]["bucket"]["name"] = f"other-{deployment.account}"
    assert len(deployment.invoke(batch([json.dumps(notice)]))["batchItemFailures"]) == 1


def test_the_role_is_enough(deployment: Deployment) -> None:
    """A policy and its list are read, an object too; evidence is kept, alerts are announced and marked,
    and bad input is put under quarantine."""
    records = events.brute_force("203.0.113.8") + events.ordinary("203.0.113.9", "alice", 1)
    deployment.store("events.json.gz", records)
    answer = deployment.invoke(
        batch([json.dumps(deployment.notice("events.json.gz")), "no JSON", *bodies(records)])
    )
    assert answer == {"batchItemFailures": []}
    assert len(deployment.alert_uids()) == 2
    marks = [item["marks"] for item in deployment.items() if "marks" in item]
    assert len(marks) == 2
    assert len(deployment.quarantined()) == 1
    found = {
        name
        for item in deployment.items()
        if "finding" in item
        for name in detections(json.loads(item["finding"]["S"]))
    }
    assert {"listed-source", "login-after-failures"} <= found


def test_the_role_of_digests_is_enough(deployment: Deployment) -> None:
    """What is due is read, published and said to be told."""
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=2)
    due = {
        "pk": {"S": f"digest#{past:%Y-%m-%dT%H}"},
        "sk": {"S": "5039#1"},
        "uid": {"S": "1"},
        "severity": {"N": "4"},
        "score": {"N": "61"},
        "title": {"S": "an alert"},
        "detection": {"S": "login-failures"},
        "source": {"S": "203.0.113.7"},
    }
    deployment.dynamodb.put_item(TableName=deployment.outputs["TableName"], Item=due)
    assert deployment.invoke({}, "DigestFunctionName") == {"alerts": 1}
    assert "done" in deployment.item("digest", "state")


def test_the_role_of_denials_is_enough(deployment: Deployment) -> None:
    """An alert is judged by the table and the policy, and denied for; what is over goes; both are written down."""
    for account in (deployment.account, events.ACCOUNT):
        call = events.ordinary("203.0.113.200", "erin", 1)[0]
        deployment.invoke({"Records": [call | {"recipientAccountId": account, "eventID": account}]})
    deployment.invoke({"Records": events.incident("password-spray", "203.0.113.7")})

    def denial() -> dict[str, Any]:
        return deployment.item("denials", "203.0.113.7/32")

    def kept() -> str:
        return denial().get("denial", {}).get("S", "")

    wait_for("the address to be denied", lambda: '"state":"denied"' in kept(), 60)
    # What somebody detached is attached again, whatever its path. For a group this emulator asks for
    # a right to the policy instead of one to the group.
    iam, policy = deployment.stack.client("iam"), deployment.outputs["DenyPolicyArn"]
    iam.detach_role_policy(RoleName="deployer", PolicyArn=policy)
    assert deployment.invoke({}, "RespondFunctionName") == {"batchItemFailures": []}
    assert iam.list_attached_role_policies(RoleName="deployer")["AttachedPolicies"]
    over = json.dumps(json.loads(kept()) | {"until": 0})
    deployment.dynamodb.put_item(
        TableName=deployment.outputs["TableName"], Item=denial() | {"denial": {"S": over}}
    )
    assert deployment.invoke({}, "RespondFunctionName") == {"batchItemFailures": []}
    assert denial() == {}
    assert "settings" in deployment.item("response", "settings")
    told = deployment.s3.list_objects_v2(Bucket=deployment.state_bucket, Prefix="responses/")
    assert told["KeyCount"] >= 2
    log = deployment.stack.function_log(deployment.outputs["RespondFunctionName"])
    assert not [line for line in log if "AccessDenied" in line]


def test_the_role_of_denials_cannot_raise_itself(deployment: Deployment) -> None:
    """Whatever is written into the policy that it may write, and attached to it by whomever."""
    iam, policy = deployment.stack.client("iam"), deployment.outputs["DenyPolicyArn"]
    role = deployment.stack.resource("RespondFunctionRole")
    trust = {"Effect": "Allow", "Principal": {"AWS": deployment.account}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=document)
    sts = deployment.stack.client("sts")
    arn = f"arn:aws:iam::{deployment.account}:role/{role}"
    session = sts.assume_role(RoleArn=arn, RoleSessionName="thief")["Credentials"]

    def of_thief(service: str) -> Any:
        return boto3.client(
            service, endpoint_url=deployment.emulator.url, region_name=REGION,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    thief = of_thief("iam")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    everything = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    thief.create_policy_version(PolicyArn=policy, PolicyDocument=everything, SetAsDefault=True)
    iam.create_role(RoleName="bystander", AssumeRolePolicyDocument=document)
    for name in (role, "bystander"):
        with pytest.raises(ClientError, match="AccessDenied"):
            thief.attach_role_policy(RoleName=name, PolicyArn=policy)
    # Even had somebody attached it.
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    for attempt in (
        lambda: thief.create_user(UserName="thief"),
        lambda: thief.put_role_policy(RoleName=role, PolicyName="bounds", PolicyDocument=everything),
        lambda: thief.attach_role_policy(RoleName=role, PolicyArn=policy),
        lambda: of_thief("s3").delete_object(Bucket=deployment.state_bucket, Key="policy.toml"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            attempt()

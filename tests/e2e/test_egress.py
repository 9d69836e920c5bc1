"""Own addresses: accounts are asked on the schedule, and no feed is believed that accuses them."""

import json
import os
import pathlib
import subprocess

from emulator import ROOT, wait_for

from . import events
from .conftest import ACCOUNTS, Deploy
from .scan import CALLERWATCH
from .test_intel import POLICY, compiled, feed, refresh

MEMBER = ROOT / "infra/aws/egress.yaml"
INNOCENT = "203.0.113.63"


def lookup(address: str, folder: pathlib.Path, file: bytes) -> str:
    """What a file of lists says of an address."""
    lists = folder / "current-4.cwi"
    lists.write_bytes(file)
    command = [str(CALLERWATCH), "intel", "lookup", address, "--no-fetched", "--intel", str(lists)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_own_addresses_are_known_and_never_accused(deploy: Deploy, tmp_path: pathlib.Path) -> None:
    other = str(next(ACCOUNTS))
    role = f"arn:aws:iam::{other}:role/callerwatch-egress"
    deployment = deploy(EgressRoleArns=role)
    stack = deployment.stack
    trusted = {"IntelFunctionRoleArn": stack.outputs["IntelFunctionRoleArn"]}
    member = stack.emulator.deploy("egress", MEMBER, trusted, code=None, account=other)
    assert member.outputs["EgressRoleArn"] == role
    mine = stack.client("ec2").allocate_address(Domain="vpc")
    theirs = member.client("ec2").allocate_address(Domain="vpc")["PublicIp"]
    deployment.policy(POLICY)
    feed(deployment, INNOCENT, mine["PublicIp"])

    told = refresh(deployment)
    refused = f"refused: it accuses {mine['PublicIp']}/32, which is your own: egress"
    assert told["ours"] == refused
    assert told[deployment.account].startswith("1 addresses in "), told
    assert told[role].startswith("1 addresses in "), told
    for address in (mine["PublicIp"], theirs):
        assert "own         " in lookup(address, tmp_path, compiled(deployment))
        assert f"{address}/32 on egress" in lookup(address, tmp_path, compiled(deployment))

    # Alerts say whose it is.
    inbox = deployment.inbox()
    deployment.invoke({"Records": events.brute_force(mine["PublicIp"])})
    (alert,) = wait_for("an alert", inbox.alerts)
    assert "own address (egress)" in json.dumps(alert)

    # It is somebody else's now.
    stack.client("ec2").release_address(AllocationId=mine["AllocationId"])
    told = refresh(deployment)
    assert told["ours"] == "new", told
    known = lookup(mine["PublicIp"], tmp_path, compiled(deployment))
    assert "malicious" in known and "egress" not in known
    assert "on egress" in lookup(theirs, tmp_path, compiled(deployment))


def test_a_laptop_learns_too(deploy: Deploy, tmp_path: pathlib.Path) -> None:
    deployment = deploy(LearnEgress="false")
    stack = deployment.stack
    mine = stack.client("ec2").allocate_address(Domain="vpc")["PublicIp"]
    deployment.policy(POLICY)
    feed(deployment, INNOCENT)
    # Whoever does not want it is not asked.
    assert refresh(deployment) == {"ours": "new"}
    assert "none of 1" in lookup(mine, tmp_path, compiled(deployment))

    environment = {**stack.emulator.credentials(stack.account), "XDG_DATA_HOME": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(CALLERWATCH), "intel", *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    learned = run("learn-egress")
    assert (learned.returncode, learned.stderr) == (0, "")
    assert learned.stdout.startswith(f"{stack.account}: 1 addresses in "), learned.stdout
    assert f"{mine}/32 on egress" in run("lookup", mine).stdout
    assert run("show").stdout.startswith("egress: own, 1 entries, 1 prefixes")
    # What is no role is told of before anybody is asked.
    bad = run("learn-egress", "--role-arn", "egress")
    assert bad.returncode == 2 and "a role is given as arn:aws:iam::ACCOUNT:role/NAME" in bad.stderr

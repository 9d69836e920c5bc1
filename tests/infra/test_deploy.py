"""`make deploy` and `make local`: the script against the emulator, and what it refuses."""

import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import Iterator, Mapping

import pytest
from emulator import CODE, ROOT, Emulator, Stack, wait_for

SECRET = "arn:aws:secretsmanager:us-east-1:111111111111:secret:callerwatch-hub-AbCdEf"
BROKER = "callerwatch.servicebus.windows.net:9093"
AZURE = {"AzureHubName": "logs", "AzureBootstrapServer": BROKER, "AzureSecretArn": SECRET}
GCP = {"GcpPushServiceAccount": "callerwatch-push@example.iam.gserviceaccount.com"}

SCRIPT = ROOT / "infra/aws/deploy.sh"
LOCAL = ROOT / "infra/aws/local.py"


def deploy(
    home: pathlib.Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs the script with nothing of this machine's accounts in its environment."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(
        [str(SCRIPT)], env=clean | environment, capture_output=True, text=True, check=False
    )


def test_refuses_without_a_region(tmp_path: pathlib.Path) -> None:
    told = deploy(tmp_path, {})
    assert told.returncode == 1
    assert told.stderr == "deploy: no region: set AWS_REGION, or one in the profile\n"


@pytest.mark.packaged
def test_refuses_without_credentials(tmp_path: pathlib.Path) -> None:
    told = deploy(tmp_path, {"AWS_REGION": "us-east-1"})
    assert told.returncode == 1
    assert told.stderr == "deploy: no valid AWS credentials: set AWS_PROFILE, or sign in\n"


@pytest.mark.parametrize("name", ["1", "a_b", "a b", "a" * 51])
def test_refuses_names_that_no_stack_has(tmp_path: pathlib.Path, name: str) -> None:
    told = deploy(tmp_path, {"AWS_REGION": "us-east-1", "STACK": name})
    assert told.returncode == 1
    assert told.stderr.startswith("deploy: ")


@pytest.mark.packaged
def test_deploys(emulator: Emulator, tmp_path: pathlib.Path) -> None:
    account = "333333333333"
    told = deploy(
        tmp_path,
        {
            **emulator.credentials(account),
            "STACK": "watch",
            "ARCH": "x86_64",
            "CONFIRM": "no",
            "PARAMETERS": "RuleState=ENABLED AlertDays=30",
        },
    )
    assert told.returncode == 0, told.stdout + told.stderr
    stack = Stack(emulator, "watch", account, None)
    assert stack.outputs["FunctionName"] == "watch-aws"
    function = stack.client("lambda").get_function_configuration(FunctionName="watch-aws")
    assert function["Environment"]["Variables"]["CALLERWATCH_ALERT_DAYS"] == "30"
    # What was packaged, whatever it was packaged for; not a file in its place.
    assert function["CodeSize"] > 100_000
    assert "feeds of addresses are being refreshed by watch-intel" in told.stdout, told.stderr


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"TrailDelivery": "s3"}, "TrailDelivery needs TrailBucketName"),
        (
            {"TrailDelivery": "sns", "TrailBucketName": "logs-of-the-trail"},
            "TrailDelivery sns needs TrailTopicArn",
        ),
        (
            {"AzureHubName": "logs", "AzureSecretArn": SECRET},
            "AzureHubName needs AzureBootstrapServer",
        ),
        (
            {"AzureHubName": "logs", "AzureBootstrapServer": BROKER},
            "AzureHubName needs AzureSecretArn",
        ),
        ({"RespondMode": "enforce"}, "RespondMode enforce needs DenyGroups or DenyRoles"),
    ],
)
def test_refuses_half_a_source(
    emulator: Emulator, do_nothing: pathlib.Path, parameters: dict[str, str], fault: str
) -> None:
    with pytest.raises(Exception, match=fault):
        emulator.deploy("half", parameters=parameters, code=do_nothing, account="444444444444")


@pytest.mark.parametrize(
    "parameters",
    [
        {"TrailDelivery": "s3", "TrailAccountId": "222222222222"},
        {"TrailDelivery": "sns", "TrailTopicArn": "arn:aws:sns:us-east-1:555555555555:trail"},
        {"TrailDelivery": "eventbridge"},
        {
            "TrailKeyArn": "arn:aws:kms:us-east-1:222222222222:key/12345678-1234",
            "OrganizationId": "o-abcdefghij",
            "AlertHttpsUrl": "https://alerts.example.com/callerwatch",
            "AlertEmail": "security@example.com",
            "MinimumSeverity": "High",
        },
        GCP,
        AZURE,
        AZURE | GCP | {"AzurePollers": "2"},
        {"RespondMode": "dry-run"},
        {"RespondMode": "enforce", "DenyGroups": "people,partners", "DenyRoles": "deployer"},
    ],
)
def test_every_way_to_deploy(
    emulator: Emulator, do_nothing: pathlib.Path, parameters: dict[str, str]
) -> None:
    account = "555555555555"
    emulator.client("sns", account).create_topic(Name="trail")
    make_principals(emulator, account)
    parameters = {"TrailBucketName": "logs-of-the-trail"} | parameters
    stack = emulator.deploy("every", parameters=parameters, code=do_nothing, account=account)
    try:
        subscriptions = stack.client("sns").list_subscriptions()["Subscriptions"]
        protocols = sorted(it["Protocol"] for it in subscriptions)
        if parameters.get("TrailDelivery") == "sns" or "RespondMode" in parameters:
            assert protocols == ["sqs"]
        elif "AlertEmail" in parameters:
            assert protocols == ["email", "email", "https"]
        else:
            assert protocols == []
        functions = stack.client("lambda").list_functions()["Functions"]
        clouds = {it["FunctionName"].removeprefix("every-") for it in functions}
        assert clouds == {
            "aws",
            "digest",
            "intel",
            *(["gcp"] if "GcpPushServiceAccount" in parameters else []),
            *(["azure"] if "AzureHubName" in parameters else []),
            *(["respond"] if "RespondMode" in parameters else []),
        }
        assert ("GcpPushEndpoint" in stack.outputs) == ("gcp" in clouds)
        if parameters.get("RespondMode") == "enforce":
            told = stack.client("iam").list_entities_for_policy(PolicyArn=stack.outputs["DenyPolicyArn"])
            assert {it["GroupName"] for it in told["PolicyGroups"]} == {"people", "partners"}
            assert {it["RoleName"] for it in told["PolicyRoles"]} == {"deployer"}
            assert attachable(stack) == {
                "DenyPolicyOfGroups": [
                    "arn:*:iam::*:group/people",
                    "arn:*:iam::*:group/partners",
                    "arn:*:iam::*:group/*/people",
                    "arn:*:iam::*:group/*/partners",
                ],
                "DenyPolicyOfRoles": ["arn:*:iam::*:role/deployer", "arn:*:iam::*:role/*/deployer"],
            }
        if "azure" in clouds:
            policies = stack.client("iam").list_attached_role_policies(
                RoleName=stack.resource("AzureFunctionRole")
            )
            assert len(policies["AttachedPolicies"]) == 1
    finally:
        stack.delete()


def attachable(stack: Stack) -> dict[str, list[str]]:
    """What the function that denies may attach its policy to."""
    role = stack.resource("RespondFunctionRole")
    told = stack.client("iam").get_role_policy(RoleName=role, PolicyName="function")
    document = told["PolicyDocument"]
    return {
        it["Sid"]: it["Resource"]
        for it in document["Statement"]
        if it["Sid"].startswith("DenyPolicyOf")
    }


def make_principals(emulator: Emulator, account: str) -> None:
    """Whom a policy may be attached to."""
    iam = emulator.client("iam", account)
    if iam.list_groups()["Groups"]:
        return
    for name in ("people", "partners"):
        iam.create_group(GroupName=name)
    iam.create_role(RoleName="deployer", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')


@pytest.fixture
def local() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(LOCAL)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.skipif(not (CODE / "aws/bootstrap").exists(), reason="not built: make dev-bootstrap")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_local_tells_how_and_leaves_nothing(
    local: subprocess.Popen[str], by: signal.Signals
) -> None:
    assert local.stdout
    told = ""
    for line in local.stdout:
        told += line
        if "Ctrl-C ends it" in line:
            break
    port = re.search(r"http://127\.0\.0\.1:([0-9]+)", told)
    folder = re.search(r"log: (\S+)/emulator\.log", told)
    assert port and folder, told
    exports = re.findall(r"(?m)^export .*$", told)
    script = re.search(r"(?ms)^target/venv/bin/python - <<'END'$.*?^END$", told)
    assert script, told
    pasted = "\n".join([*exports, script[0]])
    ran = subprocess.run(
        ["/bin/sh"], input=pasted, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.stdout == 12 * "0 refused\n", ran.stderr
    local.send_signal(by)
    wait_for("make local to end", lambda: local.poll() is not None)
    assert local.returncode == 0
    assert not pathlib.Path(folder[1]).exists()

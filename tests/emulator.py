"""A local AWS: starts the emulator and deploys the real templates to it, with native bootstraps.

It promises that nothing but loopback is listened on, and that nothing of it outlives its process's
end, on Linux however that ends. It must not know what a template holds. What the emulator does not do is written in
docs/OPERATIONS.md.
"""

import contextlib
import ctypes
import io
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from typing import Any, Callable, Mapping, TypeVar

import boto3
import botocore.config
import botocore.exceptions
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "infra/aws/template.yaml"
# A folder for each function, as `make test` fills them: unoptimized, so that all is built in seconds.
CODE = ROOT / "target/lambda/dev"

ACCOUNT = "111111111111"
REGION = "us-east-1"
ARTIFACTS = "callerwatch-artifacts"

# What differs from a real deployment: the emulator fires only rules that are plainly enabled, and
# runs bootstraps of this machine.
IS_ARM = platform.machine().lower() in ("arm64", "aarch64")
LOCAL_PARAMETERS = {"RuleState": "ENABLED", "Architecture": "arm64" if IS_ARM else "x86_64"}

# Keys of conditions that the emulator never fills.
UNKNOWN_KEYS = {"s3:if-none-match", "iam:PolicyARN"}

T = TypeVar("T")


class EmulatorError(Exception):
    """The emulator did not start, or did not take the template."""


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = 30) -> T:
    """The first truthy answer of `probe`; fails with `what` once the deadline has passed."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise EmulatorError(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


class Stack:
    """A deployed template: what it is called, and its outputs."""

    def __init__(self, emulator: "Emulator", name: str, account: str, code: pathlib.Path | None):
        self.emulator = emulator
        self.name = name
        self.account = account
        self.code = code
        told = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        self.outputs = {it["OutputKey"]: it["OutputValue"] for it in told.get("Outputs", [])}

    def client(self, service: str) -> Any:
        """A client of the account that the stack is in."""
        return self.emulator.client(service, self.account)

    def resource(self, logical_id: str) -> str:
        """The physical id of a resource of the template."""
        told = self.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return told["StackResourceDetail"]["PhysicalResourceId"]

    def update(self, template: pathlib.Path, parameters: Mapping[str, str]) -> "Stack":
        """The same stack, deployed again with other parameters."""
        return self.emulator.deploy(self.name, template, parameters, self.code, self.account)

    def delete(self) -> None:
        """Removes the stack, and waits until it is gone."""
        client = self.client("cloudformation")
        client.delete_stack(StackName=self.name)

        def is_gone() -> bool:
            try:
                stacks = client.describe_stacks(StackName=self.name)["Stacks"]
            except botocore.exceptions.ClientError:
                return True
            status = stacks[0]["StackStatus"]
            if status == "DELETE_FAILED":
                raise EmulatorError(f"deleting stack {self.name}: {failures(client, self.name)}")
            return status == "DELETE_COMPLETE"

        wait_for(f"stack {self.name} to be deleted", is_gone)

    def function_log(self, function: str | None = None) -> list[str]:
        """What a function wrote (`FunctionName` of the outputs, where none is named)."""
        group = f"/aws/lambda/{function or self.outputs['FunctionName']}"
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        try:
            return [event["message"] for page in pages for event in page["events"]]
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []
            raise


def name_batches(part: Any) -> None:
    """Who may publish may publish a batch; this emulator wants that said, and AWS has no such action."""
    for it in part.values() if isinstance(part, dict) else part:
        if isinstance(it, (dict, list)):
            name_batches(it)
    if isinstance(part, dict) and part.get("Action") == "sns:Publish":
        part["Action"] = ["sns:Publish", "sns:PublishBatch"]
    if isinstance(part, dict) and "sns:Publish" in part.get("NotAction", []):
        part["NotAction"] = [*part["NotAction"], "sns:PublishBatch"]


def forget_unknown_keys(part: Any) -> None:
    """What some conditions ask of a request this emulator does not know: it would refuse all of them."""
    for it in part.values() if isinstance(part, dict) else part:
        if isinstance(it, (dict, list)):
            forget_unknown_keys(it)
    keys = {key for asked in conditions_of(part) for key in asked}
    if keys and keys <= UNKNOWN_KEYS:
        del part["Condition"]


def conditions_of(part: Any) -> list[Any]:
    """What is asked by the conditions of a statement, by operator."""
    conditions = part.get("Condition") if isinstance(part, dict) else None
    return [it for it in conditions.values() if isinstance(it, dict)] if isinstance(conditions, dict) else []


def end_with_parent() -> None:
    """Lets the kernel end this process when whoever started it ends, however that ends."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


class Emulator:
    """One emulator process. Accounts are apart: give each test one of its own."""

    def __init__(
        self, *, authorize: bool = False, environment: Mapping[str, str] | None = None
    ) -> None:
        """With `authorize`, functions run with their roles. Bootstraps inherit `environment`."""
        self.authorize = authorize
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="callerwatch-emulator-"))
        self.log = self.folder / "emulator.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Bootstraps inherit the environment, so that nothing of the caller's may be in it.
        clean = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url,
            # Else it listens on all interfaces for devices.
            "IOT_MTLS_ENABLED": "0",
            "S3_DATA_DIR": str(self.folder / "s3"),
            "STATE_DIR": str(self.folder / "state"),
            "AUTH": "true" if authorize else "false",
            **(environment or {}),
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=clean,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A group of its own, so that stopping reaches its bootstraps.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            wait_for("the emulator to start", self.is_up)
        except EmulatorError as error:
            log_text = self.log.read_text(errors="replace")[-2000:]
            self.stop()
            raise EmulatorError(f"{error}; it wrote: {log_text}") from error

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def is_up(self) -> bool:
        """Whether it answers; fails where its process has ended."""
        if self.process.poll() is not None:
            raise EmulatorError(f"the emulator ended with status {self.process.returncode}")
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        """Ends the emulator with its bootstraps, and removes all it stored."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def reset(self) -> None:
        """Forgets everything, in every account."""
        request = urllib.request.Request(f"{self.url}/_ministack/reset", method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()

    def client(self, service: str, account: str = ACCOUNT) -> Any:
        """A client of an account: an access key of twelve digits is an account of its own."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=account,
            aws_secret_access_key="local",
            config=botocore.config.Config(
                retries={"total_max_attempts": 3}, s3={"addressing_style": "path"}
            ),
        )

    def credentials(self, account: str = ACCOUNT) -> dict[str, str]:
        """The environment in which an SDK or a command line speaks to this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def deploy(
        self,
        name: str = "callerwatch",
        template: pathlib.Path = TEMPLATE,
        parameters: Mapping[str, str] | None = None,
        code: pathlib.Path | None = CODE,
        account: str = ACCOUNT,
    ) -> Stack:
        """Creates or updates a stack. Each function runs the bootstrap in its folder of `code`."""
        document = yaml_parse(template.read_text())
        has_parameter = document.get("Parameters", {})
        given = {key: it for key, it in LOCAL_PARAMETERS.items() if key in has_parameter}
        given.update(parameters or {})
        values = {key: it.get("Default", "") for key, it in has_parameter.items()} | given
        for resource in document["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                if code is None:
                    raise EmulatorError(f"deploying {template.name}: it has a function, and no code")
                condition = document["Conditions"].get(resource.get("Condition"))
                if condition is None or holds(condition, values):
                    folder = code / pathlib.PurePath(resource["Properties"]["CodeUri"]).name
                    resource["Properties"]["CodeUri"] = self.upload(folder, account)
                else:
                    resource["Properties"]["CodeUri"] = f"s3://{ARTIFACTS}/of-nothing.zip"
            if self.authorize:
                # What is denied without TLS is denied on loopback.
                policy = resource["Properties"].get("PolicyDocument", {})
                policy["Statement"] = [
                    it for it in policy.get("Statement", []) if it.get("Sid") != "TlsOnly"
                ]
        if self.authorize:
            name_batches(document)
            forget_unknown_keys(document)
        client = self.client("cloudformation", account)
        request = {
            "StackName": name,
            # In the body of a request it may not be longer than 51,200 bytes.
            "TemplateURL": self.store(f"{name}.json", json.dumps(document).encode(), account),
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
            ],
        }
        try:
            client.describe_stacks(StackName=name)
        except botocore.exceptions.ClientError:
            client.create_stack(**request)
        else:
            try:
                client.update_stack(**request)
            except botocore.exceptions.ClientError as error:
                if "No updates are to be performed" not in str(error):
                    raise

        def status() -> str | None:
            told = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return None if told.endswith("IN_PROGRESS") else told

        told = wait_for(f"stack {name} to be deployed", status, seconds=60)
        if told not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise EmulatorError(f"deploying {template.name}: {told}: {failures(client, name)}")
        self.mend_mappings(account)
        return Stack(self, name, account, code)

    def mend_mappings(self, account: str) -> None:
        """Numbers that a template takes from a parameter are text to this emulator's poller."""
        client = self.client("lambda", account)
        for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
            concurrency = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            if concurrency is not None:
                client.update_event_source_mapping(
                    UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": int(concurrency)}
                )

    def upload(self, code: pathlib.Path, account: str) -> str:
        """Stores a folder's bootstrap as a zip, and says where."""
        bootstrap = code / "bootstrap"
        if not bootstrap.is_file():
            raise EmulatorError(f"deploying {bootstrap}: there is no such file; build it first")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o100755 << 16
            zipped.writestr(entry, bootstrap.read_bytes())
        key = f"{code.name}-{bootstrap.stat().st_mtime_ns}.zip"
        return self.store(key, archive.getvalue(), account).replace(f"{self.url}/", "s3://")

    def store(self, key: str, content: bytes, account: str) -> str:
        """Puts an object where templates and code are deployed from; says its URL."""
        bucket = f"{ARTIFACTS}-{account}"
        s3 = self.client("s3", account)
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        return f"{self.url}/{bucket}/{key}"

    def bootstraps(self) -> list[int]:
        """The process ids of the running bootstraps, for tests that kill them (Linux alone)."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                path = os.readlink(process / "exe")
                if path.startswith(str(self.folder)) and "/bootstrap" in path:
                    found.append(int(process.name))
        return found


def failures(client: Any, stack: str) -> str:
    """Why resources of a stack failed."""
    events = client.describe_stack_events(StackName=stack)["StackEvents"]
    told = [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return "; ".join(told) or "no resource says why"


def holds(condition: Any, values: Mapping[str, Any]) -> bool:
    """Whether a condition of a template holds: one that compares parameters with words."""
    ((operation, operands),) = condition.items()
    if operation == "Fn::Not":
        return not holds(operands[0], values)
    assert operation == "Fn::Equals", operation
    left, right = (values[it["Ref"]] if isinstance(it, dict) else it for it in operands)
    return str(left) == str(right)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

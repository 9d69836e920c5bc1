"""What the Terraform of the Google Cloud side says. Nothing here applies it."""

import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import hcl2
import pytest
from emulator import ROOT

GCP = ROOT / "infra/gcp"
FILES = sorted(GCP.glob("*.tf"))
AGENT = "${local.pubsub_agent}"

Body = dict[str, Any]


def plain(value: Any) -> Any:
    """What the parser read, without its quotes and notes."""
    if isinstance(value, dict):
        notes = ("__is_block__", "__comments__", "__inline_comments__")
        return {plain(key): plain(it) for key, it in value.items() if key not in notes}
    if isinstance(value, list):
        return [plain(it) for it in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return json.loads(value) if "${" not in value else value[1:-1]
    return value


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[Body]]:
    """The blocks of all files, by kind."""
    found: dict[str, list[Body]] = {}
    for file in FILES:
        for kind, bodies in plain(hcl2.loads(file.read_text())).items():
            found.setdefault(kind, []).extend(bodies)
    return found


@pytest.fixture(scope="module")
def resources(blocks: dict[str, list[Body]]) -> dict[str, Body]:
    """The bodies of resources, by type and name."""
    return {
        f"{kind.removeprefix('google_')}.{name}": body
        for block in blocks["resource"]
        for kind, bodies in block.items()
        for name, body in bodies.items()
    }


def only(blocks: list[Body]) -> Body:
    (block,) = blocks
    return block


def test_it_is_formatted(tmp_path: pathlib.Path) -> None:
    terraform = shutil.which("terraform")
    if not terraform:
        pytest.skip("no terraform on this machine")
    config = tmp_path / "terraformrc"
    config.touch()
    told = subprocess.run(
        [terraform, "fmt", "-check", "-diff", str(GCP)],
        env={"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_variables_are_described_and_validated(blocks: dict[str, list[Body]]) -> None:
    variables = {name: body for block in blocks["variable"] for name, body in block.items()}
    assert set(variables) == {
        "project_id", "organization_id", "name", "push_endpoint", "push_audience", "exclusion",
    }
    for name, variable in variables.items():
        assert variable["description"].endswith("."), name
        # A filter is validated by Google alone.
        assert name == "exclusion" or only(variable["validation"])["error_message"].endswith("."), name


@pytest.mark.parametrize(
    ("variable", "good", "bad"),
    [
        (
            "push_endpoint",
            ["https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws/"],
            ["http://a.lambda-url.eu-west-1.on.aws/", "https://a.lambda-url.eu-west-1.on.aws.example.com/"],
        ),
        ("project_id", ["example-security"], ["Example", "-x-example", "short"]),
        ("organization_id", ["", "123456789012"], ["organizations/123456789012"]),
        ("push_audience", ["callerwatch", "https://example.com/x"], ["", "two words"]),
        ("name", ["callerwatch"], ["Callerwatch", "callerwatch-", "a" * 25]),
    ],
)
def test_variables_have_their_form(
    blocks: dict[str, list[Body]], variable: str, good: list[str], bad: list[str]
) -> None:
    body = next(block[variable] for block in blocks["variable"] if variable in block)
    condition = only(body["validation"])["condition"]
    written = re.fullmatch(rf'\$\{{can\(regex\("(.*)", var\.{variable}\)\)\}}', condition)
    assert written, condition
    pattern = re.compile(written[1].replace("\\\\", "\\"))
    assert [it for it in good if not pattern.search(it)] == []
    assert [it for it in bad if pattern.search(it)] == []


def test_the_filter_keeps_what_detection_needs(blocks: dict[str, list[Body]]) -> None:
    written = next(it["filter"] for it in blocks["locals"] if "filter" in it)
    filter_ = " ".join(written.split("EOT")[1].split()).removeprefix("\\n ")
    log = lambda name: f'log_id("cloudaudit.googleapis.com/{name}")'  # noqa: E731
    # Denied is what a reader takes for denied: PERMISSION_DENIED and UNAUTHENTICATED.
    assert filter_ == (
        f"{log('activity')} OR {log('policy')} OR ( {log('data_access')} AND ( "
        "protoPayload.status.code = (7 OR 16) "
        'OR protoPayload.serviceName = "login.googleapis.com" ) )'
    )


def test_one_sink_exports_to_the_topic(resources: dict[str, Body]) -> None:
    organization = resources["logging_organization_sink.audit"]
    project = resources["logging_project_sink.audit"]
    assert organization["count"] == "${local.is_organization ? 1 : 0}"
    assert project["count"] == "${local.is_organization ? 0 : 1}"
    assert organization["include_children"] is True
    assert project["unique_writer_identity"] is True
    for sink in (organization, project):
        assert sink["filter"] == "${local.filter}"
        assert sink["destination"] == "pubsub.googleapis.com/${google_pubsub_topic.audit.id}"
    writer = resources["pubsub_topic_iam_member.sink"]
    assert (writer["role"], writer["member"]) == ("roles/pubsub.publisher", "${local.writer}")


def test_pushes_bear_a_token(resources: dict[str, Body]) -> None:
    push = only(resources["pubsub_subscription.push"]["push_config"])
    assert push["push_endpoint"] == "${var.push_endpoint}"
    assert only(push["oidc_token"]) == {
        "service_account_email": "${google_service_account.push.email}",
        "audience": "${var.push_audience}",
    }
    creator = resources["service_account_iam_member.token_creator"]
    assert creator == {
        "service_account_id": "${google_service_account.push.name}",
        "role": "roles/iam.serviceAccountTokenCreator",
        "member": AGENT,
    }


def test_what_is_refused_comes_back_slowly_and_is_never_lost(resources: dict[str, Body]) -> None:
    push = resources["pubsub_subscription.push"]
    # The function may run for a minute.
    assert 60 < push["ack_deadline_seconds"] <= 600
    retry, dead = only(push["retry_policy"]), only(push["dead_letter_policy"])
    assert retry == {"minimum_backoff": "10s", "maximum_backoff": "600s"}
    assert dead == {
        "dead_letter_topic": "${google_pubsub_topic.dead_letters.id}",
        "max_delivery_attempts": 100,
    }
    kept = resources["pubsub_subscription.dead_letters"]
    assert kept["topic"] == "${google_pubsub_topic.dead_letters.id}"
    assert kept["message_retention_duration"] == f"{14 * 24 * 3600}s"
    for subscription in (push, kept):
        assert only(subscription["expiration_policy"]) == {"ttl": ""}
    # Both of which Pub/Sub needs to move one.
    publishes = resources["pubsub_topic_iam_member.dead_letters"]
    assert (publishes["role"], publishes["member"]) == ("roles/pubsub.publisher", AGENT)
    acknowledges = resources["pubsub_subscription_iam_member.push"]
    assert (acknowledges["role"], acknowledges["member"]) == ("roles/pubsub.subscriber", AGENT)


def test_nobody_is_given_more(resources: dict[str, Body]) -> None:
    roles = [body["role"] for body in resources.values() if "role" in body]
    assert sorted(roles) == [
        "roles/iam.serviceAccountTokenCreator",
        "roles/pubsub.publisher",
        "roles/pubsub.publisher",
        "roles/pubsub.subscriber",
    ]
    # Bindings would take away what others were given.
    assert not [it for it in resources if "iam_binding" in it or "iam_policy" in it]


def test_outputs_are_what_the_stack_asks_for(blocks: dict[str, list[Body]]) -> None:
    outputs = {name: body for block in blocks["output"] for name, body in block.items()}
    assert outputs["push_service_account"]["value"] == "${google_service_account.push.email}"
    assert outputs["push_audience"]["value"] == "${var.push_audience}"
    template = (ROOT / "infra/aws/template.yaml").read_text()
    for body in outputs.values():
        named = re.search(r"the parameter (\w+) of the AWS stack", body["description"])
        assert not named or f"\n  {named[1]}:\n" in template, body

"""What the templates must say and the emulator does not enforce."""

import re
from typing import Any, Iterator

import pytest

Template = dict[str, Any]
Document = dict[str, Any]

# Statements whose resource is `*`, and why.
WHOLE = {
    ("AlertsKey", "Account"): "in the policy of a key, * is that key",
    ("AlertsKey", "Alarms"): "in the policy of a key, * is that key",
    ("DenyPolicy", "CallerwatchDeny"): "what is denied is denied wholly",
    ("RespondFunctionBounds", "NothingElse"): "what it may not do, it may do nowhere",
    ("IntelFunctionRole", "OwnAddresses"): "what lists the resources of an account takes none",
}


# Statements whose resource is joined of names; which, another test says to the letter.
JOINED = {("RespondFunctionRole", "DenyPolicyOfGroups"), ("RespondFunctionRole", "DenyPolicyOfRoles")}


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: it["Properties"] for name, it in template["Resources"].items() if it["Type"] == kind
    }


def spread(values: Any) -> list[Any]:
    """One value, or each of several."""
    return values if isinstance(values, list) else [values]


def flat(value: Any) -> Any:
    """What an `If` gives where its condition holds."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def statements(template: Template) -> Iterator[tuple[str, Document]]:
    """All statements of policies, but those that say who may assume a role."""
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        documents = [it["PolicyDocument"] for it in properties.get("Policies", [])]
        documents += [properties[it] for it in ("PolicyDocument", "KeyPolicy") if it in properties]
        if resource["Type"] == "AWS::Events::EventBus":
            documents.append(flat(properties["Policy"]))
        for document in documents:
            for statement in document["Statement"]:
                yield name, flat(statement)


def statement(template: Template, name: str, sid: str) -> Document:
    found = [it for resource, it in statements(template) if (resource, it["Sid"]) == (name, sid)]
    assert len(found) == 1, f"{name} has {len(found)} statements {sid}"
    return found[0]


# The functions that read logs, and the condition under which each is there.
FUNCTIONS = {"AwsFunction": None, "GcpFunction": "HasGcp", "AzureFunction": "HasAzure"}
# One under another name would be made before the one of before is gone, and is called the same.
LOGS = {"AwsFunction": "FunctionLog", "GcpFunction": "GcpFunctionLog", "AzureFunction": "AzureFunctionLog"}


def function_of(template: Template, name: str) -> dict[str, Any]:
    """A function with what the template says of all."""
    shared = template["Globals"]["Function"]
    own = template["Resources"][name]["Properties"]
    variables = shared["Environment"]["Variables"] | own.get("Environment", {}).get("Variables", {})
    return shared | own | {"Environment": {"Variables": variables}}


@pytest.fixture(params=["template", "member"])
def either(request: pytest.FixtureRequest) -> Template:
    return request.getfixturevalue(request.param)


# --- Parameters and outputs


def test_parameters_are_described_and_bounded(either: Template) -> None:
    for name, parameter in either["Parameters"].items():
        assert parameter["Description"].rstrip().endswith((".", ")"))
        if parameter["Type"] == "Number":
            assert {"MinValue", "MaxValue"} <= parameter.keys() or "AllowedValues" in parameter, name
        else:
            assert {"AllowedPattern", "AllowedValues"} & parameter.keys(), name
        assert "Default" in parameter or name == "CentralEventBusArn", name


def test_read_only_calls_are_seen_by_default(either: Template) -> None:
    state = either["Parameters"]["RuleState"]
    assert state["Default"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    for name, rule in of_type(either, "AWS::Events::Rule").items():
        expected = "ENABLED" if name == "TrailObjectRule" else {"Ref": "RuleState"}
        assert rule["State"] == expected, name


@pytest.mark.parametrize(
    ("parameter", "default"),
    [("LedgerDays", 3), ("AlertDays", 90), ("MinimumSeverity", "Medium"), ("Architecture", "arm64")],
)
def test_defaults(template: Template, parameter: str, default: Any) -> None:
    assert template["Parameters"][parameter]["Default"] == default


def test_parameters_are_shown_in_groups(template: Template) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(template["Parameters"])


def test_outputs_name_what_a_user_needs_next(template: Template, member: Template) -> None:
    needed = {
        "TableName", "AlertsTopicArn", "ChatTopicArn", "StateBucketName", "IngestQueueArn",
        "IngestQueueUrl", "DeadLetterQueueUrl", "EventBusArn", "FunctionName", "DashboardUrl",
        "GcpPushEndpoint", "GcpPushAudience", "GcpFunctionName", "AzureFunctionName",
    }
    assert needed <= template["Outputs"].keys()
    for output in [*template["Outputs"].values(), *member["Outputs"].values()]:
        assert output["Description"].endswith(".")


# --- State


def test_the_table_forgets_and_can_be_restored(template: Template) -> None:
    table = of_type(template, "AWS::DynamoDB::Table")["Table"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_state_outlives_the_stack(template: Template) -> None:
    for name in ("Table", "StateBucket"):
        resource = template["Resources"][name]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_bucket_is_private_encrypted_and_versioned(template: Template) -> None:
    buckets = of_type(template, "AWS::S3::Bucket")
    assert list(buckets) == ["StateBucket"]
    bucket = buckets["StateBucket"]
    encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    blocked = bucket["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4
    assert all(value is True for value in blocked.values())
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_the_bucket_forgets_quarantine_and_old_versions(template: Template) -> None:
    rules = template["Resources"]["StateBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_id = {rule["Id"]: rule for rule in rules}
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    for name, prefix in {"quarantine": "quarantine/", "undelivered": "aws/lambda/"}.items():
        assert (by_id[name]["Prefix"], by_id[name]["ExpirationInDays"]) == (prefix, 14)
    old = by_id["old-versions"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    # Copies of feeds, which are large and many. The policy file is no old version, however old.
    assert old["Prefix"] == "intel/"
    assert "ExpirationInDays" not in old
    parts = by_id["incomplete-uploads"]
    assert parts["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert "Prefix" not in parts


# --- Who may do what


def test_nothing_is_reached_without_tls(either: Template) -> None:
    kinds = {
        "AWS::S3::BucketPolicy": ("AWS::S3::Bucket", "Bucket", "s3:*"),
        "AWS::SQS::QueuePolicy": ("AWS::SQS::Queue", "Queues", "sqs:*"),
        "AWS::SNS::TopicPolicy": ("AWS::SNS::Topic", "Topics", "sns:Publish"),
    }
    for policy_kind, (kind, key, actions) in kinds.items():
        guarded = set()
        for name, policy in of_type(either, policy_kind).items():
            denied = statement(either, name, "TlsOnly")
            assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", actions)
            assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            guarded |= {it["Ref"] for it in spread(policy[key])}
        assert guarded == set(of_type(either, kind))


def test_the_bucket_policy_covers_bucket_and_objects(template: Template) -> None:
    denied = statement(template, "StateBucketPolicy", "TlsOnly")
    assert denied["Resource"] == [
        {"Fn::GetAtt": ["StateBucket", "Arn"]},
        {"Fn::Sub": "${StateBucket.Arn}/*"},
    ]


def test_every_statement_names_its_resource(either: Template) -> None:
    told = list(statements(either))
    assert told
    for name, it in told:
        for resource in spread(it["Resource"]):
            if (name, it["Sid"]) in WHOLE:
                assert resource == "*"
            elif (name, it["Sid"]) not in JOINED:
                text = resource if isinstance(resource, str) else str(list(resource.values())[0])
                assert "*" not in text.split("/")[0].removesuffix(":*"), (name, it["Sid"], text)
        if it["Effect"] == "Allow" and (name, it["Sid"]) != ("AlertsKey", "Account"):
            for action in spread(it["Action"]):
                assert not action.endswith(":*"), (name, action)


def test_services_act_for_this_stack_alone(either: Template) -> None:
    """A service that serves everybody must say for whom it comes."""
    for name, it in statements(either):
        is_service = isinstance(it.get("Principal"), dict) and "Service" in it["Principal"]
        if it["Effect"] == "Allow" and is_service:
            keys = {key for values in it["Condition"].values() for key in values}
            assert keys & {"aws:SourceArn", "aws:SourceAccount"}, (name, it["Sid"])


def test_no_managed_policy(either: Template) -> None:
    for name, role in of_type(either, "AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role, name
        assert role["Policies"], name
    for function in of_type(either, "AWS::Serverless::Function").values():
        # What SAM would add to a role of its own making.
        assert function["Role"]
        assert "Policies" not in function


# All that learning an account's own addresses takes.
LEARNING = [
    "ec2:DescribeAddresses",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRegions",
]
MAY_DO = {
    # What all of them may.
    "FunctionPolicy": {
        "Ledger": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        "Policy": ["s3:GetObject"],
        "PolicyThere": ["s3:ListBucket"],
        "Quarantine": ["s3:PutObject"],
        "Announce": ["sns:Publish"],
        "AnnounceEncrypted": ["kms:Decrypt", "kms:GenerateDataKey"],
    },
    "AwsFunctionRole": {
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Ingest": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        "DeadLetters": ["sqs:SendMessage"],
        "Trail": ["s3:GetObject"],
        "TrailThere": ["s3:ListBucket"],
        "TrailEncrypted": ["kms:Decrypt"],
    },
    "GcpFunctionRole": {"Log": ["logs:CreateLogStream", "logs:PutLogEvents"]},
    "IntelFunctionRole": {
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Policy": ["s3:GetObject"],
        "PolicyThere": ["s3:ListBucket"],
        "LastGoodPolicy": ["dynamodb:GetItem"],
        "Feeds": ["s3:PutObject"],
        "OwnAddresses": LEARNING,
        "AddressesOfOthers": ["sts:AssumeRole"],
    },
    "DigestFunctionRole": {
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Due": ["dynamodb:Query", "dynamodb:UpdateItem"],
        "Announce": ["sns:Publish"],
        "AnnounceEncrypted": ["kms:Decrypt", "kms:GenerateDataKey"],
    },
    "RespondFunctionRole": {
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Alerts": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        "Facts": ["dynamodb:GetItem"],
        "Denials": [
            "dynamodb:ConditionCheckItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "Policy": ["s3:GetObject"],
        "PolicyThere": ["s3:ListBucket"],
        "AuditTrail": ["s3:PutObject"],
        "Announce": ["sns:Publish"],
        "AnnounceEncrypted": ["kms:Decrypt", "kms:GenerateDataKey"],
        "DenyPolicy": [
            "iam:CreatePolicyVersion",
            "iam:DeletePolicyVersion",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:ListEntitiesForPolicy",
            "iam:ListPolicyVersions",
        ],
        "DenyPolicyOfGroups": ["iam:AttachGroupPolicy"],
        "DenyPolicyOfRoles": ["iam:AttachRolePolicy"],
        "OrganizationPolicy": ["organizations:DescribePolicy", "organizations:UpdatePolicy"],
        "Ipv4Set": ["wafv2:GetIPSet", "wafv2:UpdateIPSet"],
        "Ipv6Set": ["wafv2:GetIPSet", "wafv2:UpdateIPSet"],
        "RoleSessions": ["iam:GetRolePolicy", "iam:PutRolePolicy"],
        "UserKeys": ["iam:ListAccessKeys", "iam:UpdateAccessKey"],
    },
    "AzureFunctionRole": {
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Hub": ["secretsmanager:GetSecretValue"],
        "Undelivered": ["s3:PutObject"],
    },
}


@pytest.mark.parametrize("name", MAY_DO)
def test_what_functions_may_do(template: Template, name: str) -> None:
    allowed = {
        it["Sid"]: sorted(spread(it["Action"]))
        for resource, it in statements(template)
        if resource == name
    }
    assert allowed == MAY_DO[name]


def test_functions_write_to_their_own_places(template: Template) -> None:
    for name, sid, place in [
        ("FunctionPolicy", "Quarantine", "${StateBucket.Arn}/quarantine/*"),
        ("AzureFunctionRole", "Undelivered", "${StateBucket.Arn}/aws/lambda/*"),
        ("AzureFunctionRole", "Hub", "${AzureSecretArn}"),
        ("IntelFunctionRole", "Feeds", "${StateBucket.Arn}/intel/*"),
        ("RespondFunctionRole", "AuditTrail", "${StateBucket.Arn}/responses/*"),
    ]:
        assert statement(template, name, sid)["Resource"] == {"Fn::Sub": place}


def test_each_function_has_a_role_of_its_own_and_the_shared_policy(template: Template) -> None:
    roles = template["Resources"]["FunctionPolicy"]["Properties"]["Roles"]
    attached = {flat(it)["Ref"]: it.get("Fn::If", [None])[0] for it in roles}
    assert attached == {f"{name}Role": condition for name, condition in FUNCTIONS.items()}
    for name in FUNCTIONS:
        assert function_of(template, name)["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        # Before it may write, it is not there.
        assert "FunctionPolicy" in template["Resources"][name]["DependsOn"]


# --- Topics


def test_topics_are_encrypted_with_the_key(template: Template) -> None:
    topics = of_type(template, "AWS::SNS::Topic")
    assert set(topics) == {"AlertsTopic", "ChatTopic", "OperationsTopic"}
    for topic in topics.values():
        assert topic["KmsMasterKeyId"] == {"Ref": "AlertsKey"}


def test_the_key_is_rotated_and_serves_publishers(template: Template) -> None:
    key = of_type(template, "AWS::KMS::Key")["AlertsKey"]
    assert key["EnableKeyRotation"] is True
    account = statement(template, "AlertsKey", "Account")
    root = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    assert account["Principal"] == {"AWS": root}
    alarms = statement(template, "AlertsKey", "Alarms")
    # Without both, CloudWatch cannot publish to a topic that is encrypted with a key of ours.
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    publishing = statement(template, "FunctionPolicy", "AnnounceEncrypted")
    assert publishing["Resource"] == {"Fn::GetAtt": ["AlertsKey", "Arn"]}


def test_subscribers_get_their_severity_and_above(template: Template) -> None:
    ladder = ["Informational", "Low", "Medium", "High", "Critical"]
    assert template["Parameters"]["MinimumSeverity"]["AllowedValues"] == ladder
    for at, severity in enumerate(ladder):
        assert template["Mappings"]["From"][severity]["Severities"] == ladder[at:]
    chosen = {"Fn::FindInMap": ["From", {"Ref": "MinimumSeverity"}, "Severities"]}
    subscriptions = of_type(template, "AWS::SNS::Subscription")
    assert subscriptions["AlertHttpsSubscription"]["FilterPolicy"] == {"severity": chosen}
    # People are told of what was denied, too, which has no severity.
    denied = {"response": [{"exists": True}]}
    assert subscriptions["AlertEmailSubscription"]["FilterPolicy"] == {
        "Fn::If": ["RespondIsOn", {"$or": [{"severity": chosen}, denied]}, {"severity": chosen}]
    }
    for subscription in subscriptions.values():
        assert "FilterPolicyScope" not in subscription


# --- Queues


def test_queues_are_encrypted(either: Template) -> None:
    for name, queue in of_type(either, "AWS::SQS::Queue").items():
        assert queue["SqsManagedSseEnabled"] is True, name
        # What is not looked at over a long weekend is still there.
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600, name


def test_what_fails_ends_in_the_dead_letter_queue(template: Template) -> None:
    dead = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    queue = of_type(template, "AWS::SQS::Queue")["IngestQueue"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": dead, "maxReceiveCount": 5}
    function = of_type(template, "AWS::Serverless::Function")["AwsFunction"]
    assert function["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": dead}
    rules = of_type(template, "AWS::Events::Rule")
    assert len(rules) == 5
    for name, rule in rules.items():
        assert [it["DeadLetterConfig"] for it in rule["Targets"]] == [{"Arn": dead}], name
    trail = of_type(template, "AWS::SNS::Subscription")["TrailSubscription"]
    assert trail["RedrivePolicy"] == {"deadLetterTargetArn": dead}


def test_every_rule_may_send(either: Template) -> None:
    rules = set(of_type(either, "AWS::Events::Rule"))
    for name in of_type(either, "AWS::SQS::QueuePolicy"):
        if name not in ("IngestQueuePolicy", "DeadLetterQueuePolicy"):
            continue
        allowed = statement(either, name, "Rules")
        sources = [flat(it) for it in allowed["Condition"]["ArnEquals"]["aws:SourceArn"]]
        assert {it["Fn::GetAtt"][0] for it in sources} == rules


def test_a_message_is_hidden_while_the_function_may_run(template: Template) -> None:
    function = function_of(template, "AwsFunction")
    mapping = function["Events"]["Ingest"]["Properties"]
    queue = of_type(template, "AWS::SQS::Queue")["IngestQueue"]
    window = mapping["MaximumBatchingWindowInSeconds"]
    assert window >= 1, "batches above 10 need a window"
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"] + window
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "Concurrency"}}
    assert template["Parameters"]["Concurrency"]["MinValue"] == 2, "the least that Lambda takes"


def test_a_notice_of_the_trail_bucket_comes_from_its_owner(template: Template) -> None:
    allowed = statement(template, "IngestQueuePolicy", "TrailBucket")
    assert allowed["Condition"]["ArnEquals"] == {
        "aws:SourceArn": {"Fn::Sub": "arn:${AWS::Partition}:s3:::${TrailBucketName}"}
    }
    owner = allowed["Condition"]["StringEquals"]["aws:SourceAccount"]
    assert owner["Fn::If"][1:] == [{"Ref": "TrailAccountId"}, {"Ref": "AWS::AccountId"}]


# --- The functions


TOLD = {
    "AwsFunction": {},
    "GcpFunction": {
        "CALLERWATCH_PUSH_AUDIENCE": {"Ref": "GcpPushAudience"},
        "CALLERWATCH_PUSH_SERVICE_ACCOUNT": {"Ref": "GcpPushServiceAccount"},
    },
    "AzureFunction": {
        "CALLERWATCH_ITEM_FAILURES": {"Fn::If": ["HasAzurePollers", "true", "false"]}
    },
}


@pytest.mark.parametrize("name", TOLD)
def test_functions_are_told_what_they_need(template: Template, name: str) -> None:
    assert template["Resources"][name].get("Condition") == FUNCTIONS[name]
    cloud = name.removesuffix("Function").lower()
    function = function_of(template, name)
    assert function["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{cloud}"}
    assert function["Runtime"] == "provided.al2023"
    assert function["CodeUri"] == f"../../target/lambda/{cloud}/"
    assert function["Architectures"] == [{"Ref": "Architecture"}]
    assert function["Environment"]["Variables"] == TOLD[name] | {
        "CALLERWATCH_TABLE": {"Ref": "Table"},
        "CALLERWATCH_TOPIC_ARN": {"Ref": "AlertsTopic"},
        "CALLERWATCH_CHAT_TOPIC_ARN": {"Ref": "ChatTopic"},
        "CALLERWATCH_STATE_BUCKET": {"Ref": "StateBucket"},
        "CALLERWATCH_POLICY_KEY": "policy.toml",
        "CALLERWATCH_LEDGER_DAYS": {"Ref": "LedgerDays"},
        "CALLERWATCH_ALERT_DAYS": {"Ref": "AlertDays"},
        "RUST_LOG": {"Ref": "LogLevel"},
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_logs_are_kept_for_so_long(template: Template, name: str) -> None:
    log = of_type(template, "AWS::Logs::LogGroup")[LOGS[name]]
    assert log["RetentionInDays"] == {"Ref": "LogDays"}
    # Lambda writes to a group of this name, and would make one that keeps everything.
    called = function_of(template, name)["FunctionName"]["Fn::Sub"]
    assert log["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{called}"}
    assert LOGS[name] in template["Resources"][name]["DependsOn"]


def test_feeds_are_refreshed_on_a_schedule(template: Template) -> None:
    function = function_of(template, "IntelFunction")
    assert function["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-intel"}
    assert function["CodeUri"] == "../../target/lambda/intel/"
    assert function["Role"] == {"Fn::GetAtt": ["IntelFunctionRole", "Arn"]}
    (event,) = function["Events"].values()
    assert (event["Type"], event["Properties"]) == ("Schedule", {"Schedule": {"Ref": "FeedsSchedule"}})
    # Accounts have two minutes to answer, feeds four, and then they are compiled.
    assert function["Timeout"] >= 420
    log = of_type(template, "AWS::Logs::LogGroup")["IntelFunctionLog"]
    assert log["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${AWS::StackName}-intel"}
    assert log["RetentionInDays"] == {"Ref": "LogDays"}
    # Of the table, only the policy.
    last_good = statement(template, "IntelFunctionRole", "LastGoodPolicy")
    (condition,) = last_good["Condition"].values()
    assert condition == {"dynamodb:LeadingKeys": ["policy"]}


def test_own_addresses_are_learned(template: Template) -> None:
    variables = function_of(template, "IntelFunction")["Environment"]["Variables"]
    assert variables["CALLERWATCH_LEARN_EGRESS"] == {"Ref": "LearnEgress"}
    roles = {"Ref": "EgressRoleArns"}
    assert variables["CALLERWATCH_EGRESS_ROLES"] == {"Fn::Join": [",", roles]}
    # No role but those that are named.
    assert statement(template, "IntelFunctionRole", "AddressesOfOthers")["Resource"] == roles
    parameters = template["Parameters"]
    assert (parameters["LearnEgress"]["Default"], parameters["EgressRoleArns"]["Default"]) == ("true", "")
    pattern = re.compile(parameters["EgressRoleArns"]["AllowedPattern"])
    good = ["", "arn:aws:iam::222222222222:role/callerwatch-egress", "arn:aws-cn:iam::222222222222:role/a/b"]
    assert all(pattern.search(it) for it in good)
    bad = ["*", "arn:aws:iam::222222222222:role/*", "arn:aws:iam::*:role/a", "arn:aws:iam::222222222222:user/a"]
    assert not any(pattern.search(it) for it in bad)


def test_what_another_account_lets_be_learned(egress: Template) -> None:
    (role,) = of_type(egress, "AWS::IAM::Role").values()
    (policy,) = role["Policies"]
    (allowed,) = policy["PolicyDocument"]["Statement"]
    assert (allowed["Effect"], allowed["Action"]) == ("Allow", LEARNING)
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"AWS": {"Ref": "IntelFunctionRoleArn"}}


def test_digests_are_told_once_an_hour(template: Template) -> None:
    function = function_of(template, "DigestFunction")
    assert function["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-digest"}
    assert function["CodeUri"] == "../../target/lambda/digest/"
    assert function["Role"] == {"Fn::GetAtt": ["DigestFunctionRole", "Arn"]}
    (event,) = function["Events"].values()
    # Three minutes after its end nobody writes any more what is due in an hour.
    assert (event["Type"], event["Properties"]) == ("Schedule", {"Schedule": "cron(5 * * * ? *)"})
    log = of_type(template, "AWS::Logs::LogGroup")["DigestFunctionLog"]
    assert log["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${AWS::StackName}-digest"}
    assert log["RetentionInDays"] == {"Ref": "LogDays"}
    # Of the table, only digests.
    (condition,) = statement(template, "DigestFunctionRole", "Due")["Condition"].values()
    assert condition == {"dynamodb:LeadingKeys": ["digest", "digest#*"]}


def test_old_feeds_are_told_of(template: Template) -> None:
    alarm = of_type(template, "AWS::CloudWatch::Alarm")["FeedAgeAlarm"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (3 * 86400, "GreaterThanThreshold")


def test_what_is_invoked_without_an_answer_is_repeated(template: Template) -> None:
    assert function_of(template, "AwsFunction")["EventInvokeConfig"]["MaximumRetryAttempts"] == 2


def test_pushes_are_bounded(template: Template) -> None:
    function = function_of(template, "GcpFunction")
    assert function["FunctionUrlConfig"] == {"AuthType": "NONE"}
    assert function["ReservedConcurrentExecutions"] == {"Ref": "GcpConcurrency"}
    assert template["Parameters"]["GcpConcurrency"]["MinValue"] == 1, "0 would refuse all"
    # Nobody's token passes unless both are said.
    assert template["Conditions"]["HasGcp"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "GcpPushServiceAccount"}, ""]}]
    }
    assert not re.fullmatch(template["Parameters"]["GcpPushAudience"]["AllowedPattern"], "")


def test_the_hub_is_read(template: Template) -> None:
    (event,) = function_of(template, "AzureFunction")["Events"].values()
    assert event["Type"] == "SelfManagedKafka"
    nothing = {"Ref": "AWS::NoValue"}
    pollers = {"MinimumPollers": {"Ref": "AzurePollers"}, "MaximumPollers": {"Ref": "AzurePollers"}}
    assert event["Properties"] == {
        "KafkaBootstrapServers": [{"Ref": "AzureBootstrapServer"}],
        "Topics": [{"Ref": "AzureHubName"}],
        "ConsumerGroupId": {"Ref": "AzureConsumerGroup"},
        "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": {"Ref": "AzureSecretArn"}}],
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": {"Ref": "AzureBatchSize"},
        "MaximumBatchingWindowInSeconds": 5,
        "DestinationConfig": {
            "OnFailure": {"Destination": {"Fn::GetAtt": ["StateBucket", "Arn"]}}
        },
        # The function answers by item under the same condition, or failures would be taken for none.
        "ProvisionedPollerConfig": {"Fn::If": ["HasAzurePollers", pollers, nothing]},
        "FunctionResponseTypes": {"Fn::If": ["HasAzurePollers", ["ReportBatchItemFailures"], nothing]},
        "BisectBatchOnFunctionError": {"Fn::If": ["HasAzurePollers", True, nothing]},
    }


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "AzureBootstrapServer",
            ["", "callerwatch-1.servicebus.windows.net:9093"],
            ["callerwatch.servicebus.windows.net", "a.example.com:9093", "x,callerwatch.servicebus.windows.net:9093"],
        ),
        ("AzureHubName", ["", "logs", "insights-logs"], ["-logs", "a b", "a" * 257]),
        (
            "AzureSecretArn",
            ["", "arn:aws:secretsmanager:eu-west-1:111111111111:secret:callerwatch/hub-AbCdEf"],
            ["callerwatch/hub", "arn:aws:secretsmanager:eu-west-1:111111111111:secret:*"],
        ),
        (
            "GcpPushServiceAccount",
            ["", "callerwatch-push@example.iam.gserviceaccount.com"],
            ["somebody@example.com", "@example.iam.gserviceaccount.com"],
        ),
    ],
)
def test_names_in_other_clouds_have_their_form(
    template: Template, parameter: str, good: list[str], bad: list[str]
) -> None:
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert [it for it in good if not pattern.search(it)] == []
    assert [it for it in bad if pattern.search(it)] == []


# --- Denials


def test_nothing_is_denied_by_default(template: Template) -> None:
    mode = template["Parameters"]["RespondMode"]
    assert (mode["Default"], mode["AllowedValues"]) == ("off", ["off", "dry-run", "enforce"])
    for name, resource in template["Resources"].items():
        if name.startswith("Respond") or name == "DenyPolicy":
            assert resource["Condition"] == "RespondIsOn", name
    assert template["Parameters"]["RevokeSessions"]["Default"] == "false"


def test_the_deny_policy_denies_nobody_yet_and_spares_break_glass(template: Template) -> None:
    policy = template["Resources"]["DenyPolicy"]["Properties"]
    (denied,) = policy["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Action"], denied["Resource"]) == ("Deny", "*", "*")
    spared = {"aws:PrincipalArn": {"Ref": "BreakGlassArns"}}
    assert denied["Condition"] == {
        "IpAddress": {"aws:SourceIp": ["192.0.2.0/32"]},
        "Bool": {"aws:ViaAWSService": "false"},
        "ArnNotLike": {"Fn::If": ["HasBreakGlass", spared, {"Ref": "AWS::NoValue"}]},
    }
    for key, condition in (("Groups", "HasDenyGroups"), ("Roles", "HasDenyRoles")):
        assert policy[key]["Fn::If"][:2] == [condition, {"Ref": f"Deny{key}"}]


def test_what_is_touched_is_what_is_named(template: Template) -> None:
    for sid, resource in [
        ("DenyPolicy", {"Ref": "DenyPolicy"}),
        ("OrganizationPolicy", {"Ref": "OrganizationPolicyArn"}),
        ("Ipv4Set", {"Ref": "Ipv4SetArn"}),
        ("Ipv6Set", {"Ref": "Ipv6SetArn"}),
        ("RoleSessions", {"Ref": "RevokeRoleArns"}),
        ("UserKeys", {"Ref": "RevokeUserArns"}),
    ]:
        assert statement(template, "RespondFunctionRole", sid)["Resource"] == resource, sid
    for kind, sid in (("group", "DenyPolicyOfGroups"), ("role", "DenyPolicyOfRoles")):
        attached = statement(template, "RespondFunctionRole", sid)
        assert attached["Condition"] == {"ArnEquals": {"iam:PolicyARN": {"Ref": "DenyPolicy"}}}
        # One name after another, with a path or without, and no pattern that ends in one of all.
        comma, (text, joined) = attached["Resource"]["Fn::Split"][0], attached["Resource"]["Fn::Split"][1]["Fn::Sub"]
        begins = {"Bare": f"arn:*:iam::*:{kind}/", "WithPath": f"arn:*:iam::*:{kind}/*/"}
        assert (comma, text) == (",", ",".join(f"{it}${{{name}}}" for name, it in begins.items()))
        names = {"Ref": f"Deny{kind.capitalize()}s"}
        assert joined == {name: {"Fn::Join": [f",{it}", names]} for name, it in begins.items()}
    # Of the table, it changes denials alone.
    changed = statement(template, "RespondFunctionRole", "Denials")["Condition"]
    assert changed == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["denials", "response"]}}
    # Nothing unless it is asked for.
    for name in ("RevokesRoles", "RevokesUsers"):
        (asked, _) = template["Conditions"][name]["Fn::And"]
        assert asked == {"Fn::Equals": [{"Ref": "RevokeSessions"}, "true"]}


def test_what_was_done_is_only_added_to(template: Template) -> None:
    """Nobody who is deployed writes over the audit trail or deletes of it, and what others write over stays."""
    written = statement(template, "RespondFunctionRole", "AuditTrail")
    assert written["Condition"] == {"Null": {"s3:if-none-match": "false"}}
    for name, it in statements(template):
        if it["Effect"] == "Allow":
            changes = [action for action in spread(it["Action"]) if action.startswith(("s3:Delete", "s3:*", "s3:Put"))]
            if changes and (name, it["Sid"]) != ("RespondFunctionRole", "AuditTrail"):
                assert changes == ["s3:PutObject"], (name, it["Sid"])
                assert "/" in it["Resource"]["Fn::Sub"], (name, it["Sid"])
                assert not it["Resource"]["Fn::Sub"].endswith(("responses/*", "}/*")), (name, it["Sid"])
    bucket = template["Resources"]["StateBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    for rule in bucket["LifecycleConfiguration"]["Rules"]:
        if {"ExpirationInDays", "NoncurrentVersionExpiration"} & rule.keys():
            assert rule["Prefix"] in ("quarantine/", "aws/lambda/", "intel/"), rule["Id"]


def test_the_function_that_denies_cannot_raise_itself(template: Template) -> None:
    """It writes a policy that others have. Its own role it may not touch, nor do more than it is allowed
    to, whatever comes to be attached to it."""
    bounds = template["Resources"]["RespondFunctionBounds"]
    assert bounds["Type"] == "AWS::IAM::ManagedPolicy"
    assert bounds["Properties"]["Roles"] == [{"Ref": "RespondFunctionRole"}]
    own = statement(template, "RespondFunctionBounds", "NotItsOwnRole")
    assert (own["Effect"], own["Action"], "Condition" in own) == ("Deny", "iam:*", False)
    assert own["Resource"] == {"Fn::GetAtt": ["RespondFunctionRole", "Arn"]}
    rest = statement(template, "RespondFunctionBounds", "NothingElse")
    assert (rest["Effect"], rest["Resource"], "Condition" in rest) == ("Deny", "*", False)
    allowed = {action for actions in MAY_DO["RespondFunctionRole"].values() for action in actions}
    assert sorted(rest["NotAction"]) == sorted(allowed)
    # It is never there without them.
    assert "RespondFunctionBounds" in template["Resources"]["RespondFunction"]["DependsOn"]


def test_alerts_alone_reach_the_function_that_denies(template: Template) -> None:
    subscription = of_type(template, "AWS::SNS::Subscription")["RespondSubscription"]
    # What was denied has neither attribute, or it would be told of itself.
    assert subscription["FilterPolicy"] == {
        "severity": ["Low", "Medium", "High", "Critical"],
        "detection": [{"anything-but": ["policy-change", "digest"]}],
    }
    dead = {"Fn::GetAtt": ["RespondDeadLetterQueue", "Arn"]}
    assert subscription["RedrivePolicy"] == {"deadLetterTargetArn": dead}
    queue = of_type(template, "AWS::SQS::Queue")["RespondQueue"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": dead, "maxReceiveCount": 5}
    function = function_of(template, "RespondFunction")
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    mapping = function["Events"]["Alerts"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    for name in ("RespondQueuePolicy", "RespondDeadLetterQueuePolicy"):
        allowed = statement(template, name, "Alerts")
        assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Ref": "AlertsTopic"}}}


def test_what_is_denied_is_looked_after(template: Template) -> None:
    function = function_of(template, "RespondFunction")
    assert function["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-respond"}
    assert function["CodeUri"] == "../../target/lambda/respond/"
    assert function["Role"] == {"Fn::GetAtt": ["RespondFunctionRole", "Arn"]}
    schedule = function["Events"]["Schedule"]
    assert schedule == {"Type": "Schedule", "Properties": {"Schedule": "rate(5 minutes)"}}
    log = of_type(template, "AWS::Logs::LogGroup")["RespondFunctionLog"]
    assert log["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${AWS::StackName}-respond"}
    assert log["RetentionInDays"] == {"Ref": "LogDays"}


def test_sets_of_waf_are_regional_and_empty(waf: Template) -> None:
    sets = of_type(waf, "AWS::WAFv2::IPSet")
    versions = {name: it["IPAddressVersion"] for name, it in sets.items()}
    assert versions == {"Ipv4Set": "IPV4", "Ipv6Set": "IPV6"}
    for it in sets.values():
        assert (it["Scope"], it["Addresses"]) == ("REGIONAL", [])
    assert {"Ipv4SetArn", "Ipv6SetArn"} == waf["Outputs"].keys()


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        ("DenyGroups", ["", "people", "a+b@c"], ["*", "a/b", "arn:aws:iam::111111111111:group/a"]),
        ("DenyRoles", ["", "deployer"], ["*", "a b", "a" * 65]),
        (
            "BreakGlassArns",
            ["", "arn:aws:iam::*:role/break-glass", "arn:aws:iam::*:role/*/a", "arn:aws:iam::111111111111:root"],
            ["*", "arn:aws:iam::*:*", "arn:aws:s3:::bucket", "arn:aws:sts::*:assumed-role/break-glass/*"],
        ),
        (
            "OrganizationPolicyArn",
            ["", "arn:aws:organizations::111111111111:policy/o-abcdefghij/service_control_policy/p-12345678"],
            ["p-12345678", "arn:aws:organizations::111111111111:policy/*/service_control_policy/p-12345678"],
        ),
        (
            "Ipv4SetArn",
            ["", f"arn:aws:wafv2:eu-west-1:111111111111:regional/ipset/denied/{'a1b2c3d4-' * 4}"[:-1] + "a"],
            ["denied", "arn:aws:wafv2:us-east-1:111111111111:global/ipset/denied/" + "a" * 36],
        ),
        ("RevokeRoleArns", ["", "arn:aws:iam::111111111111:role/a/b"], ["*", "arn:aws:iam::111111111111:role/*"]),
        ("RevokeUserArns", ["", "arn:aws:iam::111111111111:user/a"], ["*", "arn:aws:iam::111111111111:user/*"]),
    ],
)
def test_who_may_be_denied_is_named(
    template: Template, parameter: str, good: list[str], bad: list[str]
) -> None:
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert [it for it in good if not pattern.search(it)] == []
    assert [it for it in bad if pattern.search(it)] == []


# --- Alarms


def test_alarms_tell_somebody(template: Template) -> None:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    watched = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms.values()}
    assert watched == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/SNS", "NumberOfNotificationsFailed"),
        ("callerwatch", "Events"),
        ("callerwatch", "BatchFailures"),
        ("callerwatch", "PolicyRefused"),
        ("callerwatch", "LedgerFull"),
        ("callerwatch", "IntelligenceDamaged"),
        ("callerwatch", "OldestFeedAge"),
        ("callerwatch", "FeedsRefused"),
        ("callerwatch", "Digests"),
        ("callerwatch", "TargetFailures"),
        ("callerwatch", "Unannounced"),
        ("callerwatch", "NeverAnnounced"),
        ("callerwatch", "Denials"),
    }
    # What is said by nobody may be bad news.
    silence = ("Events", "OldestFeedAge", "Digests", "Denials")
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "OperationsTopic"}], name
        assert alarm["OKActions"] == [{"Ref": "OperationsTopic"}], name
        assert alarm["AlarmDescription"].endswith("."), name
        missing = "breaching" if alarm["MetricName"] in silence else "notBreaching"
        assert alarm["TreatMissingData"] == missing, name
        assert len(alarm["Dimensions"]) == 1, name


def test_all_functions_are_watched_alike(template: Template) -> None:
    watched = {name: set() for name in FUNCTIONS}
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        (dimension,) = alarm["Dimensions"]
        if dimension["Name"] == "FunctionName":
            function = dimension["Value"]["Ref"]
            if function not in watched:
                continue
            watched[function].add(alarm["MetricName"])
            assert template["Resources"][name].get("Condition") == FUNCTIONS[function], name
    common = {"Errors", "Throttles", "Events", "BatchFailures", "PolicyRefused", "LedgerFull"}
    assert watched == {name: common | {"IntelligenceDamaged"} for name in FUNCTIONS}


@pytest.mark.parametrize(
    ("name", "hours"), [("SilenceAlarm", 1), ("GcpSilenceAlarm", 12), ("AzureSilenceAlarm", 12)]
)
def test_silence_is_so_many_hours(template: Template, name: str, hours: int) -> None:
    alarm = of_type(template, "AWS::CloudWatch::Alarm")[name]
    assert (alarm["Period"] * alarm["EvaluationPeriods"], alarm["Statistic"]) == (hours * 3600, "Sum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)


def test_cloudwatch_may_publish_alarms(template: Template) -> None:
    allowed = statement(template, "OperationsTopicPolicy", "Alarms")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"


# --- Other accounts


def test_the_bus_admits_the_organization_alone(template: Template) -> None:
    bus = of_type(template, "AWS::Events::EventBus")["EventBus"]
    condition, policy, otherwise = bus["Policy"]["Fn::If"]
    assert (condition, otherwise) == ("HasOrganization", {"Ref": "AWS::NoValue"})
    (allowed,) = policy["Statement"]
    assert allowed["Action"] == "events:PutEvents"
    assert allowed["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": {"Ref": "OrganizationId"}},
        "StringLike": {"events:source": "aws.*"},
        "Bool": {"events:eventBusInvocation": "true"},
    }
    # The bus cannot name itself in its own policy but by the name that it is given.
    name = bus["Name"]["Fn::Sub"]
    assert allowed["Resource"]["Fn::Sub"].endswith(f":event-bus/{name}")


def test_what_is_forwarded_is_admitted(template: Template) -> None:
    rules = of_type(template, "AWS::Events::Rule")
    for own, forwarded in [
        ("ManagementEventsRule", "ForwardedManagementEventsRule"),
        ("SignInRule", "ForwardedSignInRule"),
    ]:
        assert rules[own]["EventPattern"] == rules[forwarded]["EventPattern"]
        assert "EventBusName" not in rules[own]
        assert rules[forwarded]["EventBusName"] == {"Ref": "EventBus"}


def test_a_member_may_only_forward(member: Template) -> None:
    role = of_type(member, "AWS::IAM::Role")["ForwardingRole"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    forward = statement(member, "ForwardingRole", "Forward")
    assert forward["Action"] == "events:PutEvents"
    assert forward["Resource"] == {"Ref": "CentralEventBusArn"}
    for name, rule in of_type(member, "AWS::Events::Rule").items():
        (target,) = rule["Targets"]
        assert target["Arn"] == {"Ref": "CentralEventBusArn"}, name
        assert target["RoleArn"] == {"Fn::GetAtt": ["ForwardingRole", "Arn"]}, name


def test_a_member_can_be_deployed_in_every_region_of_an_account(member: Template) -> None:
    """Roles are of the whole account: a name would clash in the second region."""
    for name, resource in member["Resources"].items():
        names = [key for key in resource["Properties"] if key in ("RoleName", "Name", "QueueName")]
        assert not names, name

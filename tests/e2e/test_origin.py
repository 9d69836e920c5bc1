"""Where principals are used to call from: learned once, told once, and what that costs."""

import collections
import json
import pathlib

import pytest
from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment, bodies
from .mmdb import database
from .proxy import READS, Proxy, Request
from .scan import essence, scan
from .test_operator import command

DAY = 24 * 3600
HOME, AWAY = "192.0.2.10", "203.0.113.20"
DATABASES = {
    "countries.mmdb": database(
        {"192.0.2.0/24": {"country_code": "DE"}, "203.0.113.0/24": {"country_code": "BR"}}
    ),
    "networks.mmdb": database(
        {
            "192.0.2.0/24": {"autonomous_system_number": 64500},
            "203.0.113.0/24": {"autonomous_system_number": 64502},
        }
    ),
}


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy()
    for name, content in DATABASES.items():
        key = f"intel/{name}"
        deployment.s3.put_object(Bucket=deployment.state_bucket, Key=key, Body=content)
    return deployment


def baselines(deployment: Deployment) -> list[frozenset[bytes]]:
    """What is known of each principal, in order."""
    items = [it for it in deployment.items() if it["sk"]["S"] == "baseline"]
    return sorted((frozenset(it["firsts"]["BS"]) for it in items), key=sorted)


def requests(proxy: Proxy, deployment: Deployment) -> list[Request]:
    """Those to DynamoDB, but those that look after the policy."""
    told = proxy.counted(deployment.account)
    return [it for it in told if it.service == "dynamodb" and it.key != "policy"]


def test_a_new_country_is_told_once(deployment: Deployment, tmp_path: pathlib.Path) -> None:
    inbox = deployment.inbox()
    at_home = [
        record
        for days in (20, 10)
        for who in ("alice", "bob")
        for record in events.ordinary(HOME, who, 3, start=-days * DAY)
    ]
    assert deployment.invoke_batch(bodies(at_home)) == []
    learned = baselines(deployment)
    assert [len(it) for it in learned] == [2, 2]
    # A stranger who has no password is neither learned from nor told.
    away = events.ordinary(AWAY, "alice", 3)
    others = events.failures(AWAY, "bob", 3)
    assert deployment.invoke_batch(bodies(others)) == []
    assert baselines(deployment) == learned
    assert deployment.invoke_batch(bodies(away)) == []
    alert = wait_for("the alert", inbox.alerts)[0]
    assert alert["finding_info"]["analytic"]["uid"] == "new-origin"
    assert alert["finding_info"]["title"] == (
        f"alice called from a new country ({AWAY}, BR)"
    )
    after = baselines(deployment)
    assert sorted(len(it) for it in after) == [2, 4]

    # Again, backwards, and by functions that know nothing.
    for records in (away, at_home, list(reversed(away)), others):
        deployment.kill()
        assert deployment.invoke_batch(bodies(records)) == []
    assert baselines(deployment) == after
    assert len(inbox.alerts()) == 1

    # As a scan says.
    options = []
    for option, name in (("--country-db", "countries.mmdb"), ("--asn-db", "networks.mmdb")):
        (tmp_path / name).write_bytes(DATABASES[name])
        options += [option, str(tmp_path / name)]
    [found] = scan(at_home + away, tmp_path, options=options).values()
    assert found["finding_info"]["uid"] == alert["finding_info"]["uid"]
    assert essence(found) == essence(alert)

    # And whoever asks the table, which writes nothing.
    before = deployment.items()
    told = command(deployment, "investigate", AWAY, "--format", "json", *options)
    [finding] = json.loads(told)["findings"]
    assert essence(finding) == essence(alert)
    assert deployment.items() == before


def test_erasure(deployment: Deployment) -> None:
    calls = events.ordinary(HOME, "leaver", 1) + events.ordinary(HOME, "stayer", 1)
    assert deployment.invoke_batch(bodies(calls)) == []
    before = len(baselines(deployment))
    assert "leaver" in str(deployment.items())
    # By name, which no call in words tells.
    told = command(deployment, "erase", "Leaver", "--dry-run")
    assert "1 baselines" in told and len(baselines(deployment)) == before
    command(deployment, "erase", "Leaver")
    assert len(baselines(deployment)) == before - 1
    assert "leaver" not in str(deployment.items()) and "stayer" in str(deployment.items())
    told = command(deployment, "erase", "arn:aws:iam::111111111111:user/stayer", "--dry-run")
    assert "1 baselines" in told


def test_what_it_costs(proxy: Proxy, deployment: Deployment) -> None:
    """A read and a write for a principal that is new, a read for one that a function meets first."""
    people = [f"person{n}" for n in range(20)]

    def cost(secs: float) -> collections.Counter[str]:
        calls = [it for who in people for it in events.ordinary(HOME, who, 10, start=secs)]
        proxy.count(deployment.account)
        assert deployment.invoke_batch(bodies(calls)) == []
        told = [it for it in requests(proxy, deployment) if it.key.startswith("baseline#")]
        return collections.Counter(
            "reads" if it.operation in READS else "writes" for it in told
        )

    assert cost(0) == {"reads": 20, "writes": 20}
    assert cost(100) == {}
    assert cost(100) == {}
    deployment.kill()
    assert cost(200) == {"reads": 20}
    proxy.count(deployment.account)
    assert deployment.invoke_batch(bodies(events.ordinary(HOME, "person1", 100, start=300))) == []
    assert requests(proxy, deployment) == [], "an ordinary call costs nothing"

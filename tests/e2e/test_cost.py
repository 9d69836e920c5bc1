"""What it costs, counted from the requests that the function really makes."""

import collections
import concurrent.futures
import datetime
import json
from typing import Any

import pytest
from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment, bodies
from .proxy import READS, Proxy, Request
from .scan import detections

# What a queue hands over at once by the template's default.
BATCH = 100
# The day that days are counted from.
EPOCH = datetime.date(1970, 1, 1).toordinal()
STARTS = range(0, 100_000, BATCH)


@pytest.fixture(scope="module")
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy()
    # The first invocation reads the policy.
    assert deployment.invoke_batch(bodies(events.ordinary("203.0.113.1", "alice", 1))) == []
    return deployment


def requests(proxy: Proxy, deployment: Deployment) -> list[Request]:
    """Those to DynamoDB, but those that look after the policy."""
    told = proxy.counted(deployment.account)
    return [it for it in told if it.service == "dynamodb" and it.key != "policy"]


def assert_lean(told: list[Request]) -> None:
    """No reads, no scans, no transactions."""
    operations = collections.Counter(it.operation for it in told)
    assert not READS & operations.keys(), operations
    assert not [it for it in operations if "Transact" in it or "Batch" in it], operations


def test_one_write_for_each_ledger_in_a_batch(proxy: Proxy, deployment: Deployment) -> None:
    records = [
        record
        for number in range(7)
        for record in events.denials(f"198.51.100.{number}", "mallory", 2)
    ]
    proxy.count(deployment.account)
    assert deployment.invoke_batch(bodies(records)) == []
    told = requests(proxy, deployment)
    assert_lean(told)
    # Failures are also kept of the network around the addresses, and of their principal.
    principals = [it.key for it in told if it.key.startswith("source#principal:")]
    assert collections.Counter(it.key for it in told) == {
        **{f"source#198.51.100.{number}": 1 for number in range(7)},
        "source#198.51.100.0/24": 1,
        principals[0]: 1,
    }
    # The same again is nothing new.
    proxy.count(deployment.account)
    assert deployment.invoke_batch(bodies(records)) == []
    assert requests(proxy, deployment) == []


def test_ordinary_calls_cost_one_write_a_principal_and_day(
    proxy: Proxy, deployment: Deployment
) -> None:
    proxy.count(deployment.account)
    for _ in range(3):
        calls = [
            *events.ordinary("203.0.113.5", "alice", 50),
            *events.ordinary("203.0.113.5", "bob", 50),
        ]
        assert deployment.invoke_batch(bodies(calls)) == []
    told = requests(proxy, deployment)
    assert_lean(told)
    print(f"300 ordinary calls of 2 principals: {len(told)} writes")
    assert len(told) <= 2


def test_a_sign_in_costs_its_network_and_its_principal_one_write_a_day(
    proxy: Proxy, deployment: Deployment
) -> None:
    proxy.count(deployment.account)
    for batch in range(3):
        calls = [
            events.sign_in(f"198.51.101.{5 + batch}", who, 60 * batch, succeeds=True)
            for who in ("alice", "bob")
        ]
        assert deployment.invoke_batch(bodies(calls)) == []
    told = requests(proxy, deployment)
    assert_lean(told)
    print(f"6 sign-ins of 2 principals from 3 addresses of a network: {len(told)} writes")
    # Each address has its own; of the network and the principals the first sign-ins alone are kept.
    assert len(told) == 3 + 1 + 2


def test_an_account_costs_one_write_a_day(proxy: Proxy, deployment: Deployment) -> None:
    deployment.kill()
    proxy.count(deployment.account)
    for who in ("alice", "bob", "carol"):
        calls = events.ordinary("203.0.113.8", who, 50)
        assert deployment.invoke_batch(bodies(calls)) == []
    told = requests(proxy, deployment)
    assert_lean(told)
    account = f"account#AWS#{events.ACCOUNT}"
    assert [it.key for it in told].count(account) == 1
    assert len(told) <= 3 + 1
    [item] = [it for it in deployment.items() if it["pk"]["S"] == account]
    assert item["days"]["NS"] == [str(events.NOON.date().toordinal() - EPOCH)]


def test_an_announcement_costs_seven_writes(proxy: Proxy, deployment: Deployment) -> None:
    proxy.count(deployment.account)
    assert deployment.invoke_batch(bodies(events.failures("203.0.113.6", "alice", 12))) == []
    told = requests(proxy, deployment)
    assert_lean(told)
    print(f"12 failures and their alert: {len(told)} writes")
    # The address, its network and the account are observed; then claim, budget, record and mark.
    assert len(told) <= 3 + 4


# How several at once get in each other's way depends on what else runs.
@pytest.mark.parametrize("functions", [1, pytest.param(3, marks=pytest.mark.alone)])
def test_a_hundred_thousand_failing_calls(
    proxy: Proxy, deployment: Deployment, functions: int
) -> None:
    """Within an hour, by batches as a queue hands them over, to so many functions at once."""
    count, address = 100_000, f"203.0.113.{10 + functions}"

    def deliver(start: int) -> list[int]:
        calls = [
            events.sign_in(address, "alice", 3600 * n / count, succeeds=False)
            for n in range(start, start + BATCH)
        ]
        return deployment.invoke_batch(bodies(calls))

    proxy.count(deployment.account, weigh=True)
    with concurrent.futures.ThreadPoolExecutor(functions) as pool:
        failed = [start for start, it in zip(STARTS, pool.map(deliver, STARTS)) if it]
    # Another function announced the alert at that moment: they come back, as from the queue.
    assert not [start for start in failed if deliver(start)]
    told = requests(proxy, deployment)
    assert_lean(told)
    units = sum(it.units for it in told)
    print(
        f"{count} failing calls from one address, {functions} at once: "
        f"{units} write units, {len(told)} writes; {len(failed)} batches came back"
    )
    assert 0 < units < 300
    # And a success is not hidden by them.
    deployment.forget_announcements()
    inbox = deployment.inbox(f"inbox-{functions}")
    deployment.put([events.sign_in(address, "alice", 3601, succeeds=True)])

    def alert() -> Any:
        return next((it for it in inbox.alerts() if address in json.dumps(it)), None)

    told = wait_for("the alert", alert)
    assert detections(told) == {"login-failures", "login-after-failures"}
    assert told["unmapped"]["count_is_at_least"]

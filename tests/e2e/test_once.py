"""Exactly once in effect: repeats, order, feeds, batches, crashes and faults change no finding."""

import functools
import pathlib
import random
from typing import Any, Iterable

import pytest
from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment, Killer, bodies, in_background
from .proxy import Fault, Proxy
from .scan import essence, scan, succeeded

LISTED = "198.51.100.9"
POLICY = '[[lists]]\npath = "bad.txt"\ncategory = "malicious"\n'


@pytest.fixture
def reference(tmp_path: pathlib.Path):
    (tmp_path / "bad.txt").write_text(f"{LISTED}\n")
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    return lambda records: scan(records, tmp_path, policy)


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    deployment = deploy(with_trail=True)
    deployment.policy(POLICY, bad=f"{LISTED}\n")
    return deployment


def told_anew(
    deployment: Deployment, records: list[events.Record], uids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The alerts as they are now: what was announced is forgotten, and one event of each source
    comes again."""
    deployment.forget_announcements()
    inbox = deployment.inbox("anew")
    of_sources = {it["sourceIPAddress"]: it for it in records}
    deployment.put(list(of_sources.values()))
    return inbox.wait_for(uids, seconds=60)


def of_sources(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those but of networks and principals: these may be told before the evidence is there that its
    addresses tell of it by themselves."""
    title = lambda it: it["finding_info"]["title"]  # noqa: E731
    is_wide = lambda it: "/24 (" in title(it) or " of principal " in title(it)  # noqa: E731
    return {uid: it for uid, it in found.items() if not is_wide(it)}


def same(found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    """Asserts that these are the same findings with the same counts."""
    assert {uid: essence(it) for uid, it in found.items()} == {
        uid: essence(it) for uid, it in expected.items()
    }


def send_objects(
    deployment: Deployment, records: list[events.Record], sizes: range, seed: int
) -> None:
    """Stores records as objects of the trail, cut at random."""
    dice = random.Random(seed)
    left = events.shuffled(records, seed)
    number = 0
    while left:
        size = dice.choice(sizes)
        part, left = left[:size], left[size:]
        number += 1
        folder = f"AWSLogs/{events.ACCOUNT}/CloudTrail/us-east-1"
        deployment.store(f"{folder}/{seed}-{number}.json.gz", part)


def test_thrice_shuffled_by_two_feeds(deployment: Deployment, reference: Any) -> None:
    records = events.stream("203.0.113", LISTED)
    expected = reference(records)
    inbox = deployment.inbox()
    with in_background(
        functools.partial(deployment.put, events.shuffled(records, 1)),
        functools.partial(send_objects, deployment, records, range(1, 12), 2),
        functools.partial(send_objects, deployment, records, range(40, 80), 3),
    ):
        pass
    deployment.wait_until_idle()
    assert of_sources(inbox.wait_for(expected)).keys() == expected.keys()
    same(of_sources(told_anew(deployment, records, expected)), expected)


def test_several_functions_at_once(deployment: Deployment, reference: Any) -> None:
    records = events.brute_force("203.0.113.77")
    ((uid, expected),) = reference(records).items()
    inbox = deployment.inbox()

    def part(start: int) -> None:
        left = bodies(records[start::6])

        def is_done() -> bool:
            nonlocal left
            left = [left[place] for place in deployment.invoke_batch(left)]
            return not left

        wait_for("a batch to be taken", is_done)

    with in_background(*(functools.partial(part, start) for start in range(6))):
        pass
    told = [it for it in inbox.alerts() if it["finding_info"]["uid"] == uid]
    assert len(told) == len(inbox.alerts())
    # Nobody died, so that each severity is told once, and once more where somebody got in since.
    severities = [(it["severity_id"], succeeded(it)) for it in told]
    assert len(severities) == len(set(severities))
    assert (expected["severity_id"], True) in severities
    same(told_anew(deployment, records, [uid]), {uid: expected})


def test_a_storm(deployment: Deployment, proxy: Proxy, reference: Any) -> None:
    """Crashes, a table that throttles and times out, a topic that refuses, all at once."""
    records = events.stream("203.0.113", LISTED)
    expected = reference(records)
    inbox = deployment.inbox()
    faults = [
        Fault("dynamodb", "throttle", share=0.3, times=60),
        Fault("dynamodb", "error", share=0.1, times=20),
        Fault("dynamodb", "reset", share=0.05, times=10),
        Fault("dynamodb", "lost", share=0.05, times=10),
        Fault("dynamodb", "delay", share=0.05, times=5, delay_secs=5),
        Fault("sns", "throttle", times=2),
        Fault("sns", "lost", times=1),
    ]
    proxy.set_faults(deployment.account, *faults)
    dice = random.Random(11)
    killer = Killer(deployment, [dice.uniform(0.05, 0.6) for _ in range(20)])
    with in_background(killer.run):
        deployment.put(events.shuffled(records, 4))
        send_objects(deployment, records, range(1, 20), 5)
    # What failed comes back, and meets more of it.
    met = lambda service: sum(it.met for it in faults if it.service == service)  # noqa: E731
    wait_for("faults to be met", lambda: met("dynamodb") >= 10 and met("sns") >= 2, seconds=120)
    proxy.set_faults(deployment.account)
    assert killer.killed > 0
    # A claim whose holder died is taken over after a minute.
    inbox.wait_for(expected, seconds=120)
    deployment.wait_until_idle(seconds=90)
    told_of = inbox.newest()
    assert of_sources(told_of).keys() == expected.keys()
    assert deployment.alert_uids() == set(told_of)
    same(of_sources(told_anew(deployment, records, expected)), expected)
    told = ", ".join(f"{it.met} {it.service} {it.kind}" for it in faults)
    count = f"{len(inbox.received)} messages of {len(expected)} alerts"
    print(f"{killer.killed} bootstraps killed; {told}; {count}")

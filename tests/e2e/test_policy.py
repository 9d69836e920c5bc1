"""The policy in the state bucket: picked up, refused, and told."""

from emulator import wait_for

from . import events
from .conftest import Deploy
from .deployment import Deployment, Inbox

TRUSTED = '[[trusted_networks]]\nname = "office"\nnetworks = ["{}"]\n'
LISTED = '[[lists]]\npath = "bad.txt"\ncategory = "malicious"\n'
# It is to be in force within a minute.
IN_FORCE_SECS = 60


def changes(inbox: Inbox) -> list[str]:
    """What was told of policies."""
    inbox.read()
    return [told for told, values in inbox.received if values["detection"] == "policy-change"]


def wait_for_change(deployment: Deployment, inbox: Inbox, count: int) -> str:
    """The newest of so many changes told. Something is read all the while, as it always is."""
    idle = events.ordinary("203.0.113.250", "alice", 1)

    def told() -> str | None:
        deployment.invoke({"Records": idle})
        found = changes(inbox)
        return found[-1] if len(found) >= count else None

    return wait_for("a change of the policy to be told", told, IN_FORCE_SECS)


def test_a_change_is_picked_up_and_a_broken_one_refused(deploy: Deploy) -> None:
    deployment = deploy()
    inbox = deployment.inbox()
    address = "203.0.113.99"
    calls = events.ordinary(address, "alice", 3)
    deployment.invoke({"Records": calls})
    assert inbox.alerts() == []
    bootstraps = set(deployment.emulator.bootstraps())
    deployment.policy(LISTED, bad=f"{address}\n")
    told = wait_for_change(deployment, inbox, 1)
    assert '+category = "malicious"' in told
    # By the same process.
    assert bootstraps & set(deployment.emulator.bootstraps())
    deployment.invoke({"Records": calls})
    alert = wait_for("the alert", lambda: inbox.alerts())[0]
    assert alert["finding_info"]["analytic"]["uid"] == "listed-source"
    # Wider than what anybody owns: it would excuse the Internet.
    deployment.policy(TRUSTED.format("0.0.0.0/0"))

    def is_refused() -> bool:
        deployment.invoke({"Records": calls})
        return deployment.metric("PolicyRefused") > 0

    wait_for("the policy to be refused", is_refused, IN_FORCE_SECS)
    # The last good one is in force.
    before = len(deployment.entries(address))
    deployment.invoke({"Records": events.ordinary(address, "bob", 5)})
    assert len(deployment.entries(address)) == before + 5
    assert len(changes(inbox)) == 1


def test_a_threshold_above_the_default_bounds(deploy: Deploy) -> None:
    """What is kept of a source follows the policy, or its threshold could not be reached."""
    deployment = deploy()
    inbox = deployment.inbox()
    deployment.policy("[detections.login-failures]\nfailures = 200\nslow_failures = 200\n")
    sign_ins = range(220)
    calls = [events.sign_in("203.0.113.98", "alice", n, succeeds=False) for n in sign_ins]
    for start in range(0, len(calls), 11):
        deployment.invoke({"Records": calls[start : start + 11]})
    alert = wait_for("the alert", lambda: inbox.alerts())[0]
    assert alert["finding_info"]["analytic"]["uid"] == "login-failures"
    assert alert["count"] >= 200

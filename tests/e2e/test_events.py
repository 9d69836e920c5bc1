"""The made-up incidents are what they are called, by the command line: the reference."""

import pathlib

import pytest

from . import events
from .scan import detections, essence, scan


@pytest.mark.parametrize("detection", events.DETECTIONS)
def test_incidents(detection: str, tmp_path: pathlib.Path, built: pathlib.Path) -> None:
    (tmp_path / "bad.txt").write_text("203.0.113.9\n")
    policy = tmp_path / "policy.toml"
    policy.write_text('[[lists]]\npath = "bad.txt"\ncategory = "malicious"\n')
    address = "203.0.113.9" if detection == "listed-source" else "203.0.113.8"
    found = scan(events.incident(detection, address), tmp_path, policy)
    assert len(found) == 1
    (finding,) = found.values()
    assert detection in detections(finding)


def test_a_brute_force_is_one_alert(tmp_path: pathlib.Path, built: pathlib.Path) -> None:
    (finding,) = scan(events.brute_force("203.0.113.8"), tmp_path).values()
    assert detections(finding) >= {
        "login-failures",
        "password-spray",
        "login-after-failures",
        "success-after-denials",
    }
    assert finding["severity"] in ("High", "Critical")


def test_order_and_repeats_change_nothing(tmp_path: pathlib.Path, built: pathlib.Path) -> None:
    records = events.stream("203.0.113", "198.51.100.9")
    once = scan(records, tmp_path)
    thrice = scan(events.shuffled(records * 3, seed=1), tmp_path)
    assert {uid: essence(it) for uid, it in once.items()} == {
        uid: essence(it) for uid, it in thrice.items()
    }
    assert len(once) == 7


def test_ids_are_of_the_call() -> None:
    records = events.stream("203.0.113", "198.51.100.9")
    ids = {it["eventID"] for it in records}
    assert len(ids) == len(records)
    assert records == events.stream("203.0.113", "198.51.100.9")

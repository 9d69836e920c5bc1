"""What holds of all tests here: nothing of them stays, also where they are cut off."""

import signal
import tempfile

import pytest


def pytest_configure() -> None:
    # Being told to end runs what cleans up, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Folders are in pytest's own, of which it removes those of earlier runs."""
    tempfile.tempdir = str(tmp_path_factory.getbasetemp())

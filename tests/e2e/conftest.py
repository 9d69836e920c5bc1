"""One emulator behind one proxy; each test that deploys does so in an account of its own."""

import itertools
import os
import pathlib
from typing import Callable, Iterator

import pytest
from emulator import CODE, Emulator, wait_for

from .deployment import Deployment
from .issuer import Issuer
from .proxy import Proxy
from .scan import CALLERWATCH

# Other bootstraps than those of `make dev-bootstrap`, where a folder of them is named.
BOOTSTRAPS = pathlib.Path(os.environ.get("CALLERWATCH_CODE", CODE))
ACCOUNTS = itertools.count(100_000_000_001)

Deploy = Callable[..., Deployment]


@pytest.fixture(scope="session")
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="session")
def emulator(proxy: Proxy, issuer: Issuer) -> Iterator[Emulator]:
    environment = {
        "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
        "AWS_ENDPOINT_URL_SNS": proxy.url,
        "CALLERWATCH_PUSH_KEYS_URL": issuer.url,
    }
    with Emulator(environment=environment) as emulator:
        proxy.upstream = emulator.url
        yield emulator


@pytest.fixture(scope="session")
def built() -> pathlib.Path:
    """The folder of the bootstraps; beside it, the command that is the reference."""
    for file in (BOOTSTRAPS / "aws/bootstrap", CALLERWATCH):
        assert file.is_file(), f"{file} is not built: make dev-bootstrap"
    return BOOTSTRAPS


@pytest.fixture(scope="session")
def deploy(emulator: Emulator, proxy: Proxy, built: pathlib.Path) -> Deploy:
    """Deploys into an account of its own, with the bucket of a trail where it is asked for."""

    def deploy(*, with_trail: bool = False, **parameters: str) -> Deployment:
        account = str(next(ACCOUNTS))
        trail = None
        if with_trail:
            trail = f"trail-{account}"
            emulator.client("s3", account).create_bucket(Bucket=trail)
            parameters |= {"TrailBucketName": trail, "TrailDelivery": "s3"}
        stack = emulator.deploy(parameters=parameters, code=built, account=account)
        deployment = Deployment(emulator, proxy, stack, trail)
        if trail:
            stack.client("s3").put_bucket_notification_configuration(
                Bucket=trail,
                NotificationConfiguration={
                    "QueueConfigurations": [
                        {
                            "QueueArn": deployment.arn_of(deployment.queue),
                            "Events": ["s3:ObjectCreated:*"],
                        }
                    ]
                },
            )
            # S3 says so in a test event. Whoever took that would judge by the policy of that instant
            # until it looks for another, half a minute later.
            wait_for("the queue to be idle", deployment.is_idle)
            deployment.kill()
        return deployment

    return deploy

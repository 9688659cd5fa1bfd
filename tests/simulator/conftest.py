"""Services and servers that several of these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kimi_magic.simulator import Service
from kimi_magic.simulator.server import running

from .chat import AUTH


@pytest.fixture(scope="session")
def services() -> dict[str, Service]:
    """One with the rules of each family; the K2 models show the differences."""
    return {
        name: Service(speed=0, profile=profile)
        for name, profile in (("evolink", "evolink"), ("moonshot", "moonshot-k2"))
    }


@pytest.fixture(scope="session")
def addresses(services: dict[str, Service]) -> Iterator[dict[str, str]]:
    with running(services["evolink"]) as evolink, running(services["moonshot"]) as moonshot:
        yield {"evolink": evolink, "moonshot": moonshot}


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(headers=AUTH, timeout=30) as client:
        yield client

"""A map over a dask DataFrame, on a real cluster of processes."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dask
import dask.dataframe as dd
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import kimi_magic
from kimi_magic import errors
from tests.conftest import Server

pytestmark = pytest.mark.timeout(180)
PROMPT = "City and year in: {{text}}"


@dataclass
class Place:
    city: str
    year: int


def rows(count: int, parts: int) -> dd.DataFrame:
    return dd.from_pandas(
        pd.DataFrame({"text": [f"Rome in {1000 + n}" for n in range(count)]}), npartitions=parts
    )


@pytest.fixture
def cluster(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Client]:
    """Two workers, each a process with the key in its environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with (
        dask.config.set({"distributed.worker.daemon": False, "distributed.scheduler.worker-ttl": None}),
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0",
            local_directory=str(tmp_path / "dask"), silence_logs=50,
        ) as local,
        Client(local) as client,
    ):  # fmt: skip
        yield client


def requests(folder: Path) -> int:
    """Answers that are kept in the files of the partitions."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("part-*.jsonl"))


def test_nothing_is_sent_before_it_is_computed_and_the_key_is_not_in_the_graph(server, monkeypatch):
    key = "sk-secret-0123456789"
    monkeypatch.setenv("EVOLINK_API_KEY", key)
    planned = kimi_magic.map(PROMPT, rows(6, 3), schema=Place)
    assert list(planned.columns) == [
        "text", "city", "year", "error", "finish_reason", "tokens", "cost", "seconds",
    ]  # fmt: skip
    assert str(planned.dtypes["year"]) == "Int64"
    assert key.encode() not in pickle.dumps(dict(planned.optimize().dask))
    with pytest.raises(errors.KimiUsageError, match=r"\{\{txt\}\}.*did you mean text"):
        kimi_magic.map("{{txt}}", rows(6, 3))


def test_without_a_cluster_threads_answer_and_shared_limits_are_refused(server, monkeypatch):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    made = kimi_magic.map(PROMPT, rows(6, 3), schema=Place).compute(scheduler="threads")
    assert made["year"].notna().all()
    with pytest.raises(errors.KimiUsageError, match=r"distributed\.Client"):
        kimi_magic.map(PROMPT, rows(6, 3), rpm=60).compute(scheduler="threads")


def test_a_cluster_answers_in_order_and_a_killed_worker_costs_what_was_on_its_way(cluster, tmp_path):
    folder = tmp_path / "kept"
    planned = kimi_magic.map(PROMPT, rows(80, 8), schema=Place, cache=folder, concurrency=8)
    future = cluster.compute(planned)
    victim = sorted(cluster.run(os.getpid).values())[0]
    while requests(folder) < 10:
        assert not future.done()
    os.kill(victim, signal.SIGKILL)
    made = future.result(timeout=120)
    assert list(made["text"]) == [f"Rome in {1000 + n}" for n in range(80)]
    assert made["error"].isna().all()
    assert made["year"].dtype == "Int64"
    assert 80 <= requests(folder) <= 80 + 8
    again = kimi_magic.map(PROMPT, rows(80, 8), schema=Place, cache=folder).compute()
    assert list(again["year"]) == list(made["year"])
    assert 80 <= requests(folder) <= 80 + 8


def test_a_budget_holds_over_all_workers(cluster, server):
    one = kimi_magic.map(PROMPT, ["Rome in 1001"], schema=Place).cost
    budget = 12 * one + 0.004  # what an answer may cost before one is known is more than it does
    planned = kimi_magic.map(PROMPT, rows(200, 4), schema=Place, budget=budget)
    made = planned.compute()
    assert made["cost"].sum() <= budget
    assert 0 < made["cost"].count() < 200
    assert made["error"].str.contains("budget").sum() == 200 - made["cost"].count()

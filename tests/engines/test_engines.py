"""Every engine of the chosen set starts, keeps what it should, and ends when it must."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from launch import embedded
from launch.embedded import LOOPBACK, Engine, EngineFailed, Valkey
from tests.engines.chosen import EngineSet

pytestmark = pytest.mark.engines
Starter = Callable[[], Engine]


def _client(engine: Engine) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(engine.url)


async def _create(engine: Engine, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=engine.url)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _topics(engine: Engine) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=engine.url)
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


async def _append(engine: Engine, topic: str, value: bytes) -> int:
    producer = AIOKafkaProducer(bootstrap_servers=engine.url, acks="all")
    await producer.start()
    try:
        appended = await producer.send_and_wait(topic, value, partition=0)
        return int(appended.offset)
    finally:
        await producer.stop()


async def _first(engine: Engine, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=engine.url, fetch_max_wait_ms=20)
    consumer.assign([TopicPartition(topic, 0)])
    await consumer.start()
    try:
        await consumer.seek_to_beginning()
        record = await asyncio.wait_for(consumer.getone(), 10)
        return bytes(record.value)
    finally:
        await consumer.stop()


def test_a_redis_keeps_what_it_was_told_over_restart_and_kill(own_redis: Starter) -> None:
    engine = own_redis()
    url = engine.url
    with _client(engine) as client:
        client.set("told", "before the restart")
    engine.restart()
    with _client(engine) as client:
        assert client.get("told") == b"before the restart"
        client.set("told", "before the kill")
    engine.kill()
    assert engine.pid is None
    engine.start()
    with _client(engine) as client:
        assert client.get("told") == b"before the kill"
    assert engine.url == url


def test_a_redis_evicts_nothing_and_writes_an_append_only_file(redis_engine: Engine) -> None:
    with _client(redis_engine) as client:
        settings = client.config_get("maxmemory-policy", "appendonly", "appendfsync", "bind")
    assert settings == {
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "bind": LOOPBACK,
    }


async def test_a_kafka_keeps_its_log_over_restart_and_kill_where_it_has_a_disk(
    own_kafka: Starter, engines: EngineSet
) -> None:
    """Tansu's log is in memory: it comes back where it was, and empty, which to us is a new epoch."""
    engine = own_kafka()
    url = engine.url
    await _create(engine, "kept")
    assert await _append(engine, "kept", b"report") == 0
    assert await _first(engine, "kept") == b"report"
    for end in (engine.stop, engine.kill):
        end()
        assert engine.pid is None
        engine.start()
        assert engine.url == url
        if engines.kafka_persists:
            assert await _first(engine, "kept") == b"report"
        else:
            assert await _topics(engine) == []
            await _create(engine, "kept")
            assert await _append(engine, "kept", b"first again") == 0


async def test_a_shared_kafka_takes_topics_of_the_tests_own(kafka: Engine, topic_prefix: str) -> None:
    await _create(kafka, topic_prefix + "one")
    await _append(kafka, topic_prefix + "one", b"value")
    assert await _first(kafka, topic_prefix + "one") == b"value"


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
@pytest.mark.parametrize("sort", ["kafka", "redis"])
def test_an_engine_ends_when_its_parent_is_killed(sort: str, tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from tests.engines.chosen import chosen\n"
        f"engine = chosen().{sort}(Path(sys.argv[1])); engine.start(); print(engine.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent.parent) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watch = os.pidfd_open(pid)
        try:
            assert os.getsid(pid) == pid, "a Ctrl-C in the terminal would reach it"
            parent.send_signal(signal.SIGKILL)
            ended, _, _ = select.select([watch], [], [], 10)
        finally:
            os.close(watch)
    assert ended, "it outlived its parent by 10 s"


def test_a_first_start_goes_to_another_port_when_the_first_was_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        free = embedded.free_port
        ports = iter([taken.getsockname()[1], free()])
        monkeypatch.setattr(embedded, "free_port", lambda: next(ports))
        engine = Valkey(tmp_path)
        engine.start()
        try:
            assert not engine.url.endswith(str(taken.getsockname()[1]))
            with _client(engine) as client:
                assert client.ping()
        finally:
            engine.stop()


def test_an_engine_that_cannot_start_says_why_from_its_log(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        engine = Valkey(tmp_path)
        engine.port = taken.getsockname()[1]  # as if it had run there before
        with pytest.raises(EngineFailed, match=r"(?s)ended with 1.*Address already in use"):
            engine.start()
    assert engine.pid is None


def test_an_engine_starts_once_and_stops_as_often_as_asked(own_redis: Starter) -> None:
    engine = own_redis()
    with pytest.raises(EngineFailed, match="running already"):
        engine.start()
    engine.stop()
    engine.stop()
    engine.kill()
    assert engine.pid is None

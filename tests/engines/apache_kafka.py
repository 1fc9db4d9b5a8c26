"""Apache Kafka itself, one KRaft node on loopback, from the jars that `make test-engines` fetches."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import ClassVar

from launch.embedded import LOOPBACK, EngineFailed, LoopbackServer, free_port, kafka_answers

HERE = Path(__file__).parent
JARS = HERE.parent.parent / ".engines" / "kafka"
CLUSTER_ID = "dmlnaWxpdHMtdGVzdHMtMQ"  # any 16 bytes in URL-safe base 64
FORMAT_WITHIN_S = 60.0
# One short-lived broker beside tests on two cores: quick to start matters more than fast for hours.
JVM = (
    "-Xmx512m",
    "-Xms256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.net.preferIPv4Stack=true",
)


class ApacheKafka(LoopbackServer):
    """Apache Kafka 4 as its own controller; it keeps its topics and groups over restarts."""

    name = "apache-kafka"
    answers_within_s: ClassVar[float] = 60.0
    stops_within_s: ClassVar[float] = 30.0

    def command(self, port: int) -> list[str]:
        """Return what to execute, having written its properties and formatted its storage the first time."""
        properties = self.directory / "server.properties"
        settings = self._settings(port)
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(properties)
        return [*self._java(), "kafka.Kafka", str(properties)]

    def answers(self, port: int) -> bool:
        """Return whether the broker is registered and serves requests."""
        return kafka_answers(port)

    def environment(self) -> Mapping[str, str]:
        """Return an environment with nothing in it that the machine says to other JVMs."""
        return {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR", "JAVA_HOME") if name in os.environ}

    def _settings(self, port: int) -> dict[str, str]:
        controller = free_port()
        while controller == port:
            controller = free_port()
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
            "log.dirs": str(self.directory / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
            # After a kill the controller takes the broker back only when its old session has ended: 9 s by default.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
        }

    def _format(self, properties: Path) -> None:
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
        try:
            subprocess.run(
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=FORMAT_WITHIN_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise EngineFailed(f"{self.name}: its storage could not be formatted:\n{error.output.decode()}") from error

    def _java(self) -> list[str]:
        java = which("java")
        if java is None:
            raise EngineFailed(f"{self.name} needs Java 17 (Debian: openjdk-17-jre-headless)")
        if not any(JARS.glob("kafka_*.jar")):
            raise EngineFailed(f"{self.name} needs its jars: `make test-engines` fetches them")
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        return [java, *JVM, logging, "-cp", str(JARS / "*")]

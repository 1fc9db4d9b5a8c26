"""Redis itself, as Debian packages it."""

from shutil import which

from launch.embedded import EngineFailed, LoopbackServer, redis_answers, redis_command


class RedisServer(LoopbackServer):
    """The system's redis-server, with every write in its append-only file within a second."""

    name = "redis-server"

    @property
    def url(self) -> str:
        """Return where clients find it; it stays the same over restarts."""
        return f"redis://{super().url}"

    def command(self, port: int) -> list[str]:
        """Return what to execute."""
        binary = which("redis-server")
        if binary is None:
            raise EngineFailed(f"{self.name} is not installed (Debian: redis-server)")
        return redis_command(binary, port)

    def answers(self, port: int) -> bool:
        """Return whether it has loaded its file and serves requests."""
        return redis_answers(port)

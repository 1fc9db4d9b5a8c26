"""What a worker shows of itself."""

import asyncio

import httpx
from prometheus_client import CollectorRegistry, Gauge

from streams.serving import listen, pages, serve


async def test_the_pages_tell_what_is_not_ready_and_what_is_counted() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("vigilits_looks", "Looks.", registry=registry)
    names = {"capacity:ici": "rebuilding"}
    on = listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(pages(registry, gauge.inc, lambda: names), on))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{on.getsockname()[1]}") as client:
        assert (await client.get("/healthz")).status_code == 200
        unready = await client.get("/readyz")
        assert (unready.status_code, unready.json()) == (503, {"ready": False, "not_ready": names})
        names.clear()
        assert (await client.get("/readyz")).status_code == 200
        assert "vigilits_looks 1.0" in (await client.get("/metrics")).text
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

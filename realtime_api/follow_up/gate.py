"""Patients' links at the door: what one opens, one answer for all that open nothing, and how often that is tried."""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from starlette.requests import Request

from people.patient_links import TRIES, PatientLink, PatientLinks
from realtime_api.alerts.bucket import Bucket, Buckets
from realtime_api.problems import Problem

# Links tried in vain: of one address (people behind one router mistype too), and of all in this process together. None
# of 144 bits is found by trying; this keeps the noise down, and what it costs.
OF_ADDRESS, OF_ADDRESS_A_SECOND = 30, 0.5
OF_ALL, OF_ALL_A_SECOND = 300, 10.0
OF_PATIENT, OF_PATIENT_A_SECOND = 30, 0.5  # what one link sends that opens: each is an event on the log
THREADS = 2  # for the file of links, which blocks: of their own, so that a flood of wrong ones holds up nothing else
MOST_WAITING = 1_000
MOST_TRIED = 10_000  # patients whose tries at a code are counted here, those tried last

T = TypeVar("T")


class Gate:
    """Where links are opened. What opens is never counted, so no flood of wrong ones keeps anybody out."""

    def __init__(self, home: Path, derive: Callable[[str], bytes], now: Callable[[], int]) -> None:
        """Open the file of links when it is first needed; `derive` is the key store's, and may block."""
        self._home, self._derive, self._now = home, derive, now
        self._links: PatientLinks | None = None
        self._by_address = Buckets(OF_ADDRESS, OF_ADDRESS_A_SECOND)
        self._all = Bucket(OF_ALL, OF_ALL_A_SECOND)
        self._sent = Buckets(OF_PATIENT, OF_PATIENT_A_SECOND)
        self._pool = ThreadPoolExecutor(THREADS, "patient-links")
        self._waiting = 0
        self._tried: OrderedDict[str, int] = OrderedDict()

    def close(self) -> None:
        """Take no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def with_links(self, do: Callable[[PatientLinks], T]) -> T:
        """Return what the file of links answers, asked off the loop; raise LinksAway, KeysAway."""

        def ask() -> T:
            if self._links is None:
                self._links = PatientLinks(self._home, self._derive)
            return do(self._links)

        if self._waiting >= MOST_WAITING:
            raise Problem("busy", "too many links are being opened")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, ask)
        finally:
            self._waiting -= 1

    async def open(self, request: Request, secret: str) -> PatientLink:
        """Return what a link stands for; raise one and the same Problem for one unknown or expired.

        That it was revoked is the shard's to say, and is answered by the same one (`LinkDoors.place`).
        """
        now = self._now()
        link = await self.with_links(lambda links: links.open(secret, now))
        if link is None or link.state != "open":
            raise self.refusal(request)
        return link

    def refusal(self, request: Request) -> Problem:
        """Return what is answered to a link that opens nothing, or to too many of them."""
        counted = self._by_address.take(address_of(request)) and self._all.take()
        return Problem("no-such-link" if counted else "too-many")

    def must_not_flood(self, patient: str) -> None:
        """Count something that a link sends; raise Problem where that is too much for the log to keep."""
        if not self._sent.take(patient):
            raise Problem("too-many", "this link has sent a great deal")

    # -- tries at a code

    def may_try(self, patient: str) -> bool:
        """Return whether a code may be tried, and count it: five times for each code that was asked for.

        The file of links counts too, for all processes; it says nothing of it, and this tells people to ask anew.
        """
        tried = self._tried.get(patient, 0)
        self._tried[patient] = tried + 1
        self._tried.move_to_end(patient)
        if len(self._tried) > MOST_TRIED:
            self._tried.popitem(last=False)
        return tried < TRIES

    def asked_anew(self, patient: str) -> None:
        """Let a new code be tried as often as any."""
        self._tried.pop(patient, None)


def address_of(request: Request) -> str:
    """Return by what a caller is counted: the IPv4 address, of IPv6 the network that one household has."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)

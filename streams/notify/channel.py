"""What a channel is: it takes a letter and returns a receipt, or says why not and whether to try again."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from domain.alerts.notice import Group, HeldAlert, Notice
from people.directory import Subscription, Webhook

Language = Literal["fr", "en"]

RECEIVER = "webhook:"  # begins a notice's person where it is none, and the lane of such notices
PATIENT = "patient:"  # begins it where it is a patient, by their pseudonym
KEY_BYTES = 24  # 32 characters of base64url: as many as a push Topic may have
_RECEIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
_NUMBER = 6  # so many digits of an address in a receipt are its owner's telephone


class TryAgain(Exception):
    """Not now: `reason` is a word or two for a metric, `after_s` what the provider asks us to wait."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.after_s = reason, after_s


class Refused(Exception):
    """Not ever: the channel works, and will not take this letter; `reason` is a word or two for a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice as it is handed to a channel: to whom, in which language, how late, and with which key and link.

    `to` are addresses, `subscriptions` browsers, `webhook` a receiver: whichever the channel is for. It is delivered
    once one of them took it. `base` is the origin of our pages, `seen` the secret of the link that marks it seen; both
    may be empty. `answer` is the secret of the link by which a patient answers, `code` the one by which they read.
    `key` is what a provider knows it by: the same at every try.
    """

    notice: Notice
    key: str
    region: str
    language: Language = "fr"
    late_min: int = 0
    ttl_s: int = 3600
    base: str = ""
    seen: str = field(default="", repr=False)
    answer: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    to: tuple[str, ...] = field(default=(), repr=False)
    subscriptions: tuple[Subscription, ...] = field(default=(), repr=False)
    webhook: Webhook | None = field(default=None, repr=False)
    group: Group | None = None
    alerts: tuple[HeldAlert, ...] = ()

    @property
    def is_to_patient(self) -> bool:
        """Return whether it goes to a patient: such letters say even less than others."""
        return self.notice.person.startswith(PATIENT)


class Channel(Protocol):
    """A way to reach people. It keeps nothing between letters that a restart could lose."""

    @property
    def name(self) -> str:
        """Return the name by which notices ask for it."""
        ...

    @property
    def per_second(self) -> float:
        """Return how many letters a second it may be handed."""
        ...

    async def send(self, letter: Letter) -> str:
        """Return the provider's receipt, which holds no address; raise TryAgain or Refused."""
        ...

    async def look(self, lane: str, letter: Letter | None) -> None:
        """Return where the provider answers, to whom nothing is sent; raise TryAgain where it does not.

        `lane` is the channel's name, or that of one of its receivers; `letter` the last that was not taken, None where
        there was none since we started: then whoever a letter would go to is looked at, and nobody is there to miss it.
        """
        ...


def key_of(notice_id: str) -> str:
    """Return what a provider knows a notice by, at every try: Message-ID, Topic, reference."""
    return urlsafe_b64encode(hashlib.blake2b(notice_id.encode(), digest_size=KEY_BYTES).digest()).decode()


def receipt(told: object, addresses: Iterable[str] = ()) -> str:
    """Return a provider's receipt where it is fit for the log: one short word, with nothing of an address in it."""
    text = str(told) if isinstance(told, str | int) else ""
    if not _RECEIPT.fullmatch(text):
        return ""
    digits = "".join(filter(str.isdigit, text))
    for address in addresses:
        number = "".join(filter(str.isdigit, address))
        name = address.partition("@")[0].lower()
        if (len(number) >= _NUMBER and number[-_NUMBER:] in digits) or ("@" in address and name in text.lower()):
            return ""
    return text

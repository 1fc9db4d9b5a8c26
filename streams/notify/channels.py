"""The channels of a worker, as its settings tell them: what is not configured is not there."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import structlog

from domain.alerts.gateway import Gateway
from people import reach
from people.directory import People
from streams.notify import texts
from streams.notify.channel import Channel
from streams.notify.pace import Limits
from streams.notify.sms import Sms
from streams.notify.smtp import Relay, Smtp
from streams.notify.web_push import WebPush
from streams.notify.webhook import Webhooks

PORTS = {"smtp": 587, "smtps": 465}
_LINK = 30  # characters of an SMS's link after the origin

logger = structlog.get_logger("streams.notify")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What the senders are told: the settings of the same names; `sms_gateway` is what its file describes."""

    public_url: str = ""
    smtp_url: str = field(default="", repr=False)
    smtp_from: str = ""
    smtp_starttls: bool = True
    smtp_per_second: float = 5.0
    mssante_url: str = field(default="", repr=False)
    mssante_from: str = ""
    mssante_domains: str = ""
    sms_gateway: Gateway | None = field(default=None, repr=False)
    push_contact: str = ""
    push_allow_private: bool = False


def channels_of(told: ChannelSettings, people: People, limits: Limits | None = None) -> list[Channel]:
    """Return the channels that are configured; those that speak HTTP each have a client of their own."""
    within_s = (limits or Limits()).send_within_s
    channels: list[Channel] = [Webhooks(reach.client(within_s=within_s), people.webhook)]
    if told.smtp_url:
        relay = relay_of(
            told.smtp_url, told.smtp_from, within_s, starttls=told.smtp_starttls, per_second=told.smtp_per_second
        )
        channels.append(Smtp("smtp", relay, sealed=False))
    if told.mssante_url:
        domains = tuple(told.mssante_domains.lower().replace(",", " ").split())
        relay = relay_of(
            told.mssante_url, told.mssante_from, within_s, domains=domains, per_second=told.smtp_per_second
        )
        channels.append(Smtp("mssante", relay, sealed=True))
    if told.sms_gateway is not None:
        # The gateway is whoever runs this has chosen, on their own network perhaps: it is not judged.
        channels.append(Sms(told.sms_gateway, reach.client(within_s=within_s, guarded=False)))
        if len(told.public_url) + _LINK > texts.SMS_ONE // 2:
            logger.warning("an SMS may take two", why="PUBLIC_URL is long")
    if told.push_contact:
        channels.append(
            WebPush(
                people,
                told.push_contact,
                reach.client(within_s=within_s),
                allow_private=told.push_allow_private,
            )
        )
    logger.info("channels", configured=sorted(channel.name for channel in channels))
    return channels


def relay_of(
    url: str,
    sender: str,
    within_s: float,
    *,
    starttls: bool = True,
    domains: tuple[str, ...] = (),
    per_second: float = 5.0,
) -> Relay:
    """Return the server that smtp[s]://user:password@host:port names."""
    address = urlsplit(url)
    return Relay(
        host=address.hostname or "localhost",
        port=address.port or PORTS[address.scheme],
        sender=sender,
        user=unquote(address.username or ""),
        password=unquote(address.password or ""),
        tls=address.scheme == "smtps",
        starttls=starttls,
        domains=domains,
        per_second=per_second,
        within_s=within_s,
    )

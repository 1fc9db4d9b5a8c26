"""The doors of one's own: by which channels one is told, and the browsers that one is pushed to."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from domain.alerts.rule import SEVERITIES
from domain.events import ChannelsChosen, Source
from event_log.ids import new_id
from live_state import notices
from live_state.state import State
from people import reach, web_push
from people.directory import People, Subscription
from realtime_api.access import view_of
from realtime_api.alerts import acts, shapes
from realtime_api.alerts.bucket import Buckets
from realtime_api.answers import NEVER, Entry, in_path, json_answer, read_body
from realtime_api.commands import Command, Commands
from realtime_api.intake import alerts as intake
from realtime_api.intake.alerts import ChannelsAsked, SubscriptionAsked
from realtime_api.problems import Mistake, Problem, ProblemDocument
from realtime_api.push.alerts import AlertsHub
from realtime_api.push.rooms import Rooms
from realtime_api.push.session import Who
from realtime_api.sign_in import Desk

USUAL = ("app",)  # of whom nothing else was published
NOBODY_REACHED = "needs `app`, or a channel that is known for you: what is critical must reach somebody"
TESTS_AT_ONCE, TESTS_A_SECOND = 10, 0.5  # of one person
TEST_TTL_S = 60
# What the service worker shows; a push names no person.
TEST = msgspec.json.encode(
    {
        "title": {"fr": "Essai de vigilits", "en": "A test from vigilits"},
        "body": {"fr": "Les notifications arrivent ici.", "en": "Notifications arrive here."},
        "tag": "test",
        "url": "/alerts?mine",
        "severity": "info",
    }
)


@dataclass
class OwnDoors:
    """The doors of one's own, and all that they hand over to."""

    desk: Desk
    rooms: Rooms
    commands: Commands
    state: State
    people: People
    http: httpx.AsyncClient
    contact: str  # by which push services can reach whoever runs this; without one there is no Web Push
    now: Callable[[], int]
    allow_private: bool = False  # push services on private addresses, for tests alone
    test_buckets: Buckets = field(default_factory=lambda: Buckets(TESTS_AT_ONCE, TESTS_A_SECOND))

    async def _identify(self, request: Request) -> Who:
        """Return who asks; raise Problem for one whom no region's role lets see alerts of their own."""
        who = await self.desk.identify(request)
        if not self._regions_of(who):
            hubs = list(self.rooms.hubs.values())
            # While a region's grants are not known, that there are none says nothing.
            raise Problem("not-ready" if not hubs or any(hub.why_not() for hub in hubs) else "not-allowed")
        return who

    def _regions_of(self, who: Who) -> list[str]:
        """Return the regions in which the asker has a role that sees alerts of its own."""
        now = self.now()
        views = {
            hub.code: view_of(who.subject, hub.grants.get(who.subject, ()), hub.code, now)
            for hub in self.rooms.hubs.values()
        }
        return [code for code, view in views.items() if view is not None and view.may("mine")]

    async def _identify_for_push(self, request: Request) -> Who:
        """Return who asks; raise Problem also where nothing would ever be pushed to them."""
        who = await self._identify(request)
        if not self.contact:
            raise Problem("unknown", "no Web Push is set up here")
        return who

    # -- channels

    async def channels(self, request: Request) -> Response:
        """Return by which channels the asker is told, by severity, and what is known of them."""
        who = await self._identify(request)
        return json_answer(await self._channels(who, self._known_in(who), None), headers=NEVER)

    async def choose(self, request: Request) -> Response:
        """Choose by which channels one is told: in force in every region that knows one."""
        who = await self._identify(request)
        now = self.now()
        asked = intake.read(await read_body(request, intake.MOST_BYTES), ChannelsAsked, now)
        chosen = {str(severity): tuple(channels) for severity, channels in asked.channels.items()}
        hubs = self._known_in(who)
        if not hubs:
            raise Problem("not-allowed", "no region knows you as someone to tell of alerts")
        if not await self._reaches(who, chosen.get("critical", USUAL)):
            raise Problem("wrong-fields", mistakes=[Mistake("channels.critical", NOBODY_REACHED)])
        commands = [Command(self._chosen(who, hub, chosen, now), hub) for hub in hubs]
        told = await self.commands.run(commands)
        for said in told:
            if isinstance(said, Problem):
                raise said
            if said is not None and said.outcome not in ("applied", "history"):
                raise Problem("refused", said.reason or said.outcome)
        shown = await self._channels(who, hubs, chosen)
        return json_answer(shown, 202 if None in told else 200, headers=NEVER)

    async def _reaches(self, who: Who, channels: tuple[str, ...]) -> bool:
        """Return whether one of the channels is there for the asker; the application always is."""
        return "app" in channels or any(each.channel in channels for each in await self._known(who))

    async def _known(self, who: Who) -> list[shapes.KnownAddress]:
        """Return the ways by which the asker can be reached, beside the application."""
        addresses = await asyncio.to_thread(self.people.masked_addresses, who.subject)
        browsers = await asyncio.to_thread(self.people.subscriptions, who.subject)
        known = [shapes.KnownAddress(channel, address) for channel, address in addresses]
        return known + [shapes.KnownAddress("push", each.label or _service(each)) for each in browsers]

    @staticmethod
    def _chosen(who: Who, hub: AlertsHub, channels: dict[str, tuple[str, ...]], now: int) -> ChannelsChosen:
        return ChannelsChosen(
            id=new_id(now),
            received_at=now,
            region=hub.code,
            source=Source(id=who.subject, door=acts.DOOR),
            not_after=now + acts.HOLDS_MS,
            channels=channels,
        )

    def _known_in(self, who: Who) -> list[AlertsHub]:
        """Return the regions of the asker's in which they are someone to tell; raise Problem where that isn't known."""
        hubs = [self.rooms.alerts[code] for code in self._regions_of(who) if code in self.rooms.alerts]
        for hub in hubs:
            why = hub.why_not()
            if why is not None:
                raise Problem(why)
        if not hubs:
            raise Problem("not-ready")
        return [hub for hub in hubs if hub.people is not None and who.subject in hub.people.people]

    async def _channels(
        self, who: Who, hubs: list[AlertsHub], chosen: Mapping[str, tuple[str, ...]] | None
    ) -> shapes.ChannelsShown:
        """Return what was chosen over what was published; `chosen` stands in place of what was held."""
        channels: dict[str, list[str]] = {}
        for hub in hubs:
            published = hub.people.people[who.subject].channels if hub.people else {}
            held: Mapping[str, tuple[str, ...]] = {}
            if chosen is None and hub.build is not None:
                (packed,) = await self.state.fields(hub.build, "choices", [who.subject])
                held = notices.read_choice(packed) if packed is not None else {}
            for severity in SEVERITIES:
                told = (chosen or held).get(severity, published.get(severity, USUAL))
                channels.setdefault(severity, list(told))
        return shapes.ChannelsShown(channels, await self._known(who))

    # -- browsers that are pushed to

    async def push_key(self, request: Request) -> Response:
        """Return the key that a browser subscribes to our pushes with."""
        await self._identify_for_push(request)
        return json_answer(shapes.PushKey((await asyncio.to_thread(self.people.vapid)).public), headers=NEVER)

    async def subscriptions(self, request: Request) -> Response:
        """Return the asker's browsers that are pushed to."""
        who = await self._identify(request)
        held = await asyncio.to_thread(self.people.subscriptions, who.subject)
        return json_answer([_shown(each) for each in held], headers=NEVER)

    async def subscribe(self, request: Request) -> Response:
        """Let a browser of the asker's be pushed to, and stay signed in: 20 at most, the oldest makes room."""
        who = await self._identify_for_push(request)
        now = self.now()
        asked = intake.read(await read_body(request, intake.MOST_BYTES), SubscriptionAsked, now)
        endpoint, keys = asked.endpoint, asked.keys
        why = web_push.why_not(endpoint, keys.p256dh, keys.auth, allow_private=self.allow_private)
        if why is not None:
            path = "endpoint" if why.startswith("the endpoint ") else "keys"
            raise Problem("wrong-fields", mistakes=[Mistake(path, why.removeprefix("the endpoint "))])
        made = await asyncio.to_thread(
            self.people.subscribe, who.subject, endpoint, keys.p256dh, keys.auth, now, asked.label
        )
        response = json_answer(_shown(made), 201, headers=NEVER)
        await self.desk.enrol(who, made.id, response)
        return response

    async def unsubscribe(self, request: Request) -> Response:
        """Push no longer to a browser of the asker's, which stays signed in no longer."""
        who, id_ = await self._identify(request), request.path_params["id"]
        if not await asyncio.to_thread(self.people.unsubscribe, who.subject, id_):
            raise _unknown_browser()
        await self.desk.forget_device(who, id_)
        return Response(status_code=204)

    async def test(self, request: Request) -> Response:
        """Push a test to a browser of the asker's, so that they see whether it arrives."""
        who = await self._identify_for_push(request)
        held = await asyncio.to_thread(self.people.subscriptions, who.subject)
        to = next((each for each in held if each.id == request.path_params["id"]), None)
        if to is None:
            raise _unknown_browser()
        if not self.test_buckets.take(who.subject):
            raise Problem("too-many")
        keys = await asyncio.to_thread(self.people.vapid)
        try:
            said = await web_push.push(
                self.http,
                keys,
                self.contact,
                to,
                TEST,
                ttl_s=TEST_TTL_S,
                topic="test",
                allow_private=self.allow_private,
            )
        except (httpx.HTTPError, reach.NotAllowed, ValueError):
            raise Problem("push-failed", "it could not be reached") from None
        if said.status in (404, 410):  # the browser has given it up
            await asyncio.to_thread(self.people.unsubscribe, who.subject, to.id)
            raise _unknown_browser()
        if not 200 <= said.status < 300:
            raise Problem("push-failed", f"it answered {said.status}")
        return json_answer(shapes.Pushed(pushed=True), headers=NEVER)


def _unknown_browser() -> Problem:
    return Problem("unknown", "you have no such subscription (any more)")


def _service(held: Subscription) -> str:
    return urlsplit(held.endpoint).hostname or ""


def _shown(held: Subscription) -> shapes.SubscriptionShown:
    return shapes.SubscriptionShown(held.id, held.label, held.made_at, _service(held))


P = ProblemDocument
ID = in_path("id", "A subscription's id.")
ME = "/api/v1/me"

_TABLE: tuple[Entry, ...] = (
    Entry("GET", f"{ME}/channels", "channels", None, {200: shapes.ChannelsShown, 401: P, 403: P, 503: P}),
    Entry(
        "PUT",
        f"{ME}/channels",
        "choose",
        ChannelsAsked,
        {
            200: shapes.ChannelsShown,
            202: shapes.ChannelsShown,
            400: P,
            401: P,
            403: P,
            413: P,
            422: P,
            503: P,
        },
    ),
    Entry("GET", f"{ME}/push-key", "push_key", None, {200: shapes.PushKey, 401: P, 403: P, 404: P, 503: P}),
    Entry(
        "GET",
        f"{ME}/push-subscriptions",
        "subscriptions",
        None,
        {200: list[shapes.SubscriptionShown], 401: P, 403: P, 503: P},
    ),
    Entry(
        "POST",
        f"{ME}/push-subscriptions",
        "subscribe",
        SubscriptionAsked,
        {201: shapes.SubscriptionShown, 400: P, 401: P, 403: P, 404: P, 413: P, 422: P, 503: P},
    ),
    Entry(
        "DELETE",
        f"{ME}/push-subscriptions/{{id}}",
        "unsubscribe",
        None,
        {204: None, 401: P, 403: P, 404: P, 503: P},
        (ID,),
    ),
    Entry(
        "POST",
        f"{ME}/push-subscriptions/{{id}}/test",
        "test",
        None,
        {200: shapes.Pushed, 401: P, 403: P, 404: P, 429: P, 502: P, 503: P},
        (ID,),
    ),
)
OWN_DOORS: tuple[Entry, ...] = tuple(door._replace(of=OwnDoors) for door in _TABLE)

"""A followup shard's writes on both live states: what is read back is what was folded, and what is erased is gone."""

import secrets
from collections.abc import AsyncIterator

import pytest

from domain.alerts.notice import ChannelState
from domain.capacity.fold import Item
from domain.events import ChannelChanged, Event
from domain.followup.holding import FollowupState
from live_state import followup
from live_state.memory import MemoryState
from live_state.redis import RedisState
from live_state.state import Build, Commit, Position, State
from streams.followup import Followup
from tests.small_followup import CANARY, RED, START, WELL, Patients, Store, opening, pseudonym, tick


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.engines)])
async def state(request: pytest.FixtureRequest) -> AsyncIterator[State]:
    if request.param == "memory":
        yield MemoryState()
    else:
        async with RedisState(request.getfixturevalue("redis_engine").url) as state:
            yield state


class Written:
    """A followup shard whose drafts are committed as they come, as a worker does it."""

    def __init__(self, state: State, build: Build, store: Store) -> None:
        self.sort, self.state, self.build = Followup(store), state, build
        self.held = self.sort.empty()
        self.feed: list[bytes] = []

    async def fold(self, *events: Event) -> None:
        """Return once these records are in the live state."""
        for event in events:
            items = [Item(self.held.offset + 1, event)]
            await self.sort.prepare(self.held, items)
            draft = self.sort.fold(self.held, items)
            written = self.sort.written(draft, rebuilding=False)
            at, to = (Position("e1", offset, self.sort.fold_version) for offset in (self.held.offset, draft.offset))
            assert await self.state.commit(self.build, Commit(at, to, written.writes, written.feed))
            self.feed.append(written.feed)
            self.sort.absorb(self.held, draft)

    async def read(self) -> FollowupState:
        """Return the state as a worker would load it."""
        loaded = await self.state.load(self.build, followup.NAMES)
        assert loaded is not None
        return followup.load(*loaded)


@pytest.fixture
async def written(state: State) -> Written:
    shard = f"followup:{secrets.token_hex(6)}:2"
    build = await state.begin(shard, "e1", 1, None)
    assert build is not None
    made = Written(state, build, Store())
    await made.fold(*opening(shard=shard))
    return made


def patients(written: Written) -> Patients:
    store = written.sort._store
    assert isinstance(store, Store)
    return Patients(store)


def here(event: Event) -> Event:
    """Return an event of whichever region: that of the shard."""
    return type(event)(**{name: getattr(event, name) for name in event.__struct_fields__} | {"region": ""})


async def test_what_is_read_back_is_what_was_folded(written: Written) -> None:
    them = patients(written)
    down = ChannelChanged(id="c", received_at=START, channel="sms", up=False, reason="slow")
    events: list[Event] = [
        them.enrolled(0),
        them.enrolled(1),
        them.answered(0, START, RED),
        them.answered(1, START, WELL),
    ]
    await written.fold(*map(here, [*events, them.wrote(0, START)]), down, tick(START + 3_600_001))
    read = await written.read()
    assert read.patients == written.held.patients
    assert read.patients[pseudonym(0)].colour == "red"
    assert read.sealed == written.held.sealed
    assert read.outbox == written.held.outbox
    assert read.channels == {"sms": ChannelState(False, START, "slow")}
    assert (read.clock, read.counted_at, read.shard) == (
        written.held.clock,
        written.held.counted_at,
        written.held.shard,
    )
    assert (read.said, read.due, read.pathways) == (written.held.said, written.held.due, written.held.pathways)
    assert read.charts == {}, "none is open"


async def test_a_feed_entry_tells_rows_in_clear_and_outcomes(written: Written) -> None:
    them = patients(written)
    await written.fold(here(them.enrolled(0)), here(answer := them.answered(0, START, RED)))
    change = followup.read_feed(written.feed[-1])
    row = change.set[f"patient/{pseudonym(0)}"]
    assert row is not None
    assert followup.read_patient(row) == written.held.patients[pseudonym(0)]
    assert change.outcomes[answer.id].outcome == "applied"
    assert CANARY.encode() not in b"".join(written.feed)
    assert followup.read_feed(written.feed[1]).set.keys() == {"setting/pathway/medical-covid/1"}


async def test_an_erased_patient_has_no_key_in_the_live_state(written: Written) -> None:
    them = patients(written)
    await written.fold(*map(here, [them.enrolled(0), them.enrolled(1), them.answered(0, START, RED)]))
    names = [f"{name}:{pseudonym(0)}" for name in ("slots", "story")]
    before = await written.state.load(written.build, names)
    assert before is not None
    assert before[1].keys() == set(names)
    await written.fold(here(them.erased(0, START)))
    assert followup.read_feed(written.feed[-1]).set[f"patient/{pseudonym(0)}"] is None
    after = await written.state.load(written.build, ["*"])
    assert after is not None
    assert not [name for name in after[1] if pseudonym(0) in name]
    assert list(after[1]["charts"]) == list(after[1]["patients"]) == [pseudonym(1)]


async def test_a_commit_that_is_made_again_changes_nothing(written: Written) -> None:
    them = patients(written)
    await written.fold(here(them.enrolled(0)))
    event = here(them.answered(0, START, RED))
    items = [Item(written.held.offset + 1, event)]
    await written.sort.prepare(written.held, items)
    draft = written.sort.fold(written.held, items)
    one, other = (written.sort.written(draft, rebuilding=False) for _ in range(2))
    at = Position("e1", written.held.offset, 1)
    assert await written.state.commit(written.build, Commit(at, at._replace(offset=draft.offset), one.writes, one.feed))
    again = at._replace(offset=draft.offset), at._replace(offset=draft.offset + 1)
    assert await written.state.commit(written.build, Commit(*again, other.writes, other.feed))
    read = await written.read()
    written.sort.absorb(written.held, draft)
    assert read.patients == written.held.patients
    assert read.sealed == written.held.sealed

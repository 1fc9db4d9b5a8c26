"""When a worker believes its own clock."""

from streams.ticks import DOUBT_MS, SKEW_MS, OwnClock, tick

NOW = 1_700_000_000_000


def test_the_first_tick_only_asks() -> None:
    own = OwnClock()
    assert tick(NOW, NOW - 5, own, stamped=False).received_at == NOW - 5
    own.compare(NOW, NOW, stamped=False, own=True)
    assert tick(NOW, NOW - 5, own, stamped=False).received_at == NOW


def test_the_brokers_stamp_settles_it_either_way() -> None:
    own = OwnClock()
    own.compare(NOW - SKEW_MS - 1, NOW, stamped=True, own=True)
    assert own.is_off(NOW, stamped=True)
    assert own.is_off(NOW + 10 * DOUBT_MS, stamped=True)
    assert tick(NOW, 7, own, stamped=True).received_at == 7
    own.compare(NOW + SKEW_MS, NOW, stamped=True, own=True)
    assert not own.is_off(NOW, stamped=True)


def test_our_own_stamp_says_nothing_of_our_clock() -> None:
    own = OwnClock()
    own.compare(NOW - 60_000, NOW, stamped=False, own=True)
    assert not own.is_off(NOW, stamped=False)
    own.compare(NOW + 60_000, NOW, stamped=False, own=False)
    own.compare(NOW, NOW, stamped=False, own=True)
    assert own.is_off(NOW, stamped=False)


def test_a_doubt_that_nobody_can_lift_ends_by_itself() -> None:
    own = OwnClock()
    own.compare(NOW + 60_000, NOW, stamped=False, own=False)
    assert own.is_off(NOW + DOUBT_MS, stamped=False)
    assert not own.is_off(NOW + DOUBT_MS + 1, stamped=False)
    assert own.off_ms is None


def test_every_tick_has_an_id_of_its_own() -> None:
    assert len({tick(NOW, NOW, OwnClock(), stamped=True).id for _ in range(100)}) == 100

"""How fast a channel may be used, and when it is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.notify.pace import Breaker, Bucket, Limits, backoff_s

LIMITS = Limits(fails=3, rest_s=10.0, most_rest_s=40.0)


def opened(at: float = 0.0) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = Breaker(LIMITS)
    for _ in range(LIMITS.fails):
        breaker.failed(at)
    return breaker


def test_a_channel_is_left_alone_after_failures_in_a_row_alone() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(10):
        breaker.failed(0)
        breaker.failed(0)
        breaker.worked()
    assert breaker.up
    assert opened().state == "open"


def test_one_letter_tries_it_after_a_rest_and_no_second_beside() -> None:
    breaker = opened(100.0)
    assert breaker.wait_s(100.0) == 10.0
    assert breaker.wait_s(110.0) == 0
    assert breaker.begin()
    assert breaker.wait_s(110.0) > 0
    assert not breaker.begin()
    breaker.worked()
    assert breaker.up
    assert breaker.wait_s(110.0) == 0


def test_each_rest_is_longer_up_to_a_bound_and_the_first_again_once_it_worked() -> None:
    breaker, now, rests = opened(), 0.0, []
    for _ in range(5):
        rests.append(breaker.wait_s(now))
        now += breaker.wait_s(now)
        assert breaker.begin()
        breaker.failed(now)
    assert rests == [10, 20, 40, 40, 40]
    breaker.worked()
    for _ in range(LIMITS.fails):
        breaker.failed(now)
    assert breaker.wait_s(now) == 10


def test_a_try_that_came_to_nothing_lets_another_begin() -> None:
    breaker = opened()
    assert breaker.begin()
    breaker.let()
    assert breaker.begin()


def test_who_begins_with_a_channel_that_was_down_tries_it_at_once() -> None:
    breaker = Breaker(LIMITS, down=True)
    assert not breaker.up
    assert breaker.wait_s(0) == 0
    assert breaker.begin()
    breaker.failed(5.0)
    assert breaker.wait_s(5.0) == 20


@given(st.lists(st.sampled_from(["worked", "failed", "let", "wait"]), max_size=60))
def test_nothing_goes_while_a_channel_rests(happenings: list[str]) -> None:
    breaker, now = Breaker(LIMITS), 0.0
    for happening in happenings:
        if breaker.wait_s(now) > 0 and happening != "wait":
            continue
        trial = breaker.begin()
        assert trial == (breaker.state == "half")
        match happening:
            case "worked":
                breaker.worked()
                assert breaker.up
            case "failed":
                breaker.failed(now)
                assert not trial or breaker.wait_s(now) >= LIMITS.rest_s
            case "let" | "wait":
                breaker.let()
                now += 1.0
        assert breaker.state != "half"
        assert breaker.up == (breaker.wait_s(now) == 0 and breaker.state == "closed")


@given(st.floats(0.1, 100), st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_a_bucket_gives_no_more_than_its_rate_and_what_it_held(rate: float, pauses: list[float]) -> None:
    bucket, now, given_ = Bucket(rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        while bucket.wait_s(now) == 0:
            bucket.take(now)
            given_ += 1
    assert given_ <= max(1.0, rate) + now * rate + 1e-6
    wait = bucket.wait_s(now)
    assert bucket.wait_s(now + wait + 1e-6) == 0, "and waiting as long as it says is enough"


@pytest.mark.parametrize(("tries", "most"), [(1, 1.0), (2, 2.0), (3, 4.0), (9, 30.0), (10_000, 30.0)])
def test_waits_double_up_to_a_bound_with_full_jitter(tries: int, most: float) -> None:
    assert backoff_s(Limits(), tries, 1.0) == most
    assert backoff_s(Limits(), tries, 0.0) == 0.1
    assert backoff_s(Limits(), tries, 0.5, asked_s=99.0) == 99.0

"""Sealing: what opens, and what never does."""

import logging
import secrets

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.followup.sealed import About, Sealed
from people.sealing import KEY_BYTES, MOST_PLAINTEXT, STEP_BYTES, Key, NotOpened, TooLong, open_, seal

ABOUT = About("a" * 26, "answer", "2026-03-01")

words = st.text(max_size=20)
abouts = st.builds(About, words, words, words)


def new_key(name: str = "k1") -> Key:
    """Return a random key."""
    return Key(name, secrets.token_bytes(KEY_BYTES))


@given(st.binary(max_size=500), abouts)
def test_what_was_sealed_opens_with_its_key_about_the_same(plaintext: bytes, about: About) -> None:
    key = new_key()
    assert open_(key, seal(key, plaintext, about), about) == plaintext


@given(abouts, abouts)
def test_a_ciphertext_that_was_moved_does_not_open(about: About, elsewhere: About) -> None:
    """Nor where the names, run together, would read the same: ("ab", "c") is not ("a", "bc")."""
    key = new_key()
    sealed = seal(key, b"39.2", about)
    if about != elsewhere:
        with pytest.raises(NotOpened):
            open_(key, sealed, elsewhere)


def test_parts_of_a_name_are_not_moved_into_the_next() -> None:
    key = new_key()
    with pytest.raises(NotOpened):
        open_(key, seal(key, b"39.2", About("ab", "c")), About("a", "bc"))


@given(st.data())
@settings(max_examples=60)
def test_no_changed_bit_opens(data: st.DataObject) -> None:
    key = new_key()
    sealed = seal(key, b"39.2", ABOUT)
    field = data.draw(st.sampled_from(("nonce", "content")))
    told = bytearray(getattr(sealed, field))
    told[data.draw(st.integers(0, len(told) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(NotOpened):
        open_(key, msgspec.structs.replace(sealed, **{field: bytes(told)}), ABOUT)


def test_wrong_key_moved_and_changed_are_one_same_error() -> None:
    key = new_key()
    sealed = seal(key, b"canary", ABOUT)
    tries = [
        (new_key(), sealed, ABOUT),
        (Key("k2", key.secret), sealed, ABOUT),
        (Key("k2", key.secret), msgspec.structs.replace(sealed, key="k2"), ABOUT),
        (key, sealed, About("b" * 26, "answer", "2026-03-01")),
        (key, msgspec.structs.replace(sealed, content=sealed.content[:-1]), ABOUT),
        (key, msgspec.structs.replace(sealed, content=b"x"), ABOUT),
    ]
    told = set()
    for wrong, moved, about in tries:
        with pytest.raises(NotOpened) as error:
            open_(wrong, moved, about)
        told.add(repr(error.value))
    assert len(told) == 1


def test_two_seals_of_the_same_have_nothing_in_common() -> None:
    key = new_key()
    sealed = [seal(key, b"yes", ABOUT) for _ in range(200)]
    assert len({one.nonce for one in sealed}) == len({one.content for one in sealed}) == 200


@given(st.integers(0, STEP_BYTES - 1), st.integers(0, STEP_BYTES - 1))
def test_lengths_tell_short_answers_from_none(one: int, other: int) -> None:
    """A byte marks the end, so all of 0 to 63 bytes are one length."""
    key = new_key()
    assert len(seal(key, bytes(one), ABOUT).content) == len(seal(key, bytes(other), ABOUT).content)


def test_content_longer_than_a_piece_is_refused_and_the_longest_fits_the_log_s_type() -> None:
    key = new_key()
    with pytest.raises(TooLong):
        seal(key, bytes(MOST_PLAINTEXT + 1), ABOUT)
    longest = seal(key, bytes(MOST_PLAINTEXT), ABOUT)
    on_the_log = msgspec.msgpack.encode(longest)
    assert open_(key, msgspec.msgpack.decode(on_the_log, type=Sealed), ABOUT) == bytes(MOST_PLAINTEXT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ""},
        {"nonce": b"short"},
        {"content": b""},
    ],
)
def test_what_can_be_no_ciphertext_is_not_read(wrong: dict[str, object]) -> None:
    sealed = msgspec.structs.replace(seal(new_key(), b"x", ABOUT), **wrong)
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(sealed), type=Sealed)


def test_a_key_that_is_shown_shows_its_id_alone(caplog: pytest.LogCaptureFixture) -> None:
    key = new_key()
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", key, key)
    assert repr(key.secret) not in caplog.text
    assert "k1" in caplog.text

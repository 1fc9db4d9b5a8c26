"""The command: every error a sentence, every exit status a meaning, nothing secret printed."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from launch import command
from people.directory import People
from realtime_api.links import Links
from tests.launch import tiny_directory

NOWHERE = "127.0.0.1:1"


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


Vigilits = Callable[..., Ended]


@pytest.fixture
def vigilits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Vigilits:
    """Return the command, run where nothing runs and nothing is configured but what a test says."""
    monkeypatch.chdir(tmp_path)
    for variable in ("KAFKA_URL", "REDIS_URL", "OIDC_ISSUER", "OIDC_CLIENT_ID", "PUBLIC_URL", "PORT", "HOST"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("VIGILITS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TERM", "dumb")

    def run(*words: str, **environment: str) -> Ended:
        with monkeypatch.context() as patched:
            patched.setattr("sys.argv", ["vigilits", *words])
            for name, value in environment.items():
                patched.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                command.main()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


@pytest.mark.parametrize(
    "words",
    [
        *([], ["up"], ["demo"], ["worker"], ["api"], ["replay"], ["token"], ["settings"]),
        *(["region"], ["region", "init"], ["region", "publish"], ["region", "check"], ["region", "build"]),
        *(
            ["rules"],
            ["rules", "check"],
            ["rules", "publish"],
            ["rules", "replay"],
            ["contacts"],
            ["contacts", "import"],
        ),
        *(
            ["on-call"],
            ["on-call", "show"],
            ["on-call", "add"],
            ["webhooks"],
            ["webhooks", "set"],
            ["webhooks", "list"],
        ),
        *(["grant"], ["grant", "give"], ["grant", "revoke"], ["dead-letters"], ["dead-letters", "replay"]),
        *(["keys"], ["keys", "rotate"], ["keys", "backup"], ["keys", "restore"], ["keys", "erased"]),
    ],
)
def test_every_command_has_help(vigilits: Vigilits, words: list[str]) -> None:
    done = vigilits(*words, "--help")
    assert done.status == 0
    assert " ".join(["Usage: vigilits", *words]) in done.out


def test_settings_are_shown_with_their_source_and_without_secrets(vigilits: Vigilits) -> None:
    done = vigilits(
        "settings",
        KAFKA_URL=NOWHERE,
        REDIS_URL="redis://someone:hush@127.0.0.1:1/0",
        OIDC_ISSUER="https://auth.example.fr",
        OIDC_CLIENT_ID="vigilits",
        OIDC_CLIENT_SECRET="hushhush",
        PUBLIC_URL="https://lits.example.fr",
    )
    assert done.status == 0, done.err
    assert "REDIS_URL=redis://***@127.0.0.1:1/0  (environment)" in done.out
    assert "PORT=8080  (default)" in done.out
    assert "OIDC_CLIENT_SECRET=(set, not shown)" in done.out
    assert "hush" not in done.out + done.err


@pytest.mark.parametrize(
    "words", [["settings"], ["up"], ["api"], ["worker"], ["token", "--role", "ward", "--scope", "x"]]
)
def test_all_that_is_wrong_with_the_settings_is_said_before_anything_starts(
    vigilits: Vigilits, words: list[str]
) -> None:
    done = vigilits(*words, PORT="many", VIGILITS_COLOUR="red")
    assert done.status == command.USAGE
    assert "PORT 'many' is not a whole number" in done.err
    assert "VIGILITS_COLOUR is no setting" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["grant", "give", "--subject", "anne", "--role", "regulator", "--scope", "ici"],
        ["token", "--role", "regulator", "--scope", "ici"],
        ["dead-letters", "list"],
        ["region", "init", "--region", "occitanie"],
        ["replay", "--region", "occitanie"],
        ["rules", "publish", "--region", "occitanie"],
        ["rules", "replay", "--region", "occitanie"],
        ["on-call", "show", "--region", "occitanie"],
        ["on-call", "add", "--region", "occitanie", "cellule", "--file", "x.ics"],
    ],
)
def test_where_nothing_runs_it_is_said_what_to_start(vigilits: Vigilits, words: list[str]) -> None:
    done = vigilits(*words)
    assert done.status == command.AWAY
    assert "start `vigilits up` or `vigilits demo` here first" in done.err


def test_an_engine_that_is_away_is_said_in_a_sentence(vigilits: Vigilits) -> None:
    done = vigilits("dead-letters", "list", KAFKA_URL=NOWHERE, REDIS_URL=f"redis://{NOWHERE}")
    assert done.status == command.AWAY
    assert done.err.startswith("vigilits: vigilits.dead-letters: ")
    assert "Traceback" not in done.err


def test_a_directory_is_checked_as_a_whole(vigilits: Vigilits, tmp_path: Path) -> None:
    directory = tiny_directory.write(tmp_path / "ici")
    assert "3 facilities, 6 wards, nothing wrong" in vigilits("region", "check", str(directory)).out
    wards = directory / "wards.csv"
    wards.write_text(wards.read_text() + "nobody/medecine,nobody,medecine,1\n310000001/had,310000001,had,many\n")
    done = vigilits("region", "check", str(directory))
    assert done.status == command.USAGE
    assert "wards.csv:8" in done.err
    assert "wards.csv:9" in done.err


def test_rules_are_checked_with_the_directory_they_are_for(vigilits: Vigilits, tmp_path: Path) -> None:
    assert "Occitanie: 11 rules, 4 chains, 17 people, 5 calendars, nothing wrong" in vigilits("rules", "check").out
    directory = tiny_directory.write(tmp_path / "ici")
    assert "Ici: nothing is said of alerts" in vigilits("rules", "check", str(directory)).out
    (directory / "routing.yaml").write_text("chains: [{id: cell, steps: [{wait: 5m}]}]\nroute: {id: all}\n")
    done = vigilits("rules", "check", str(directory))
    assert done.status == command.USAGE
    for told in ("alert_rules.yaml: missing", "contacts.csv: missing", "routing.yaml:2: chain: the root needs a chain"):
        assert told in done.err
    assert "steps: names nobody" in done.err
    assert vigilits("region", "check", str(directory)).err == done.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["contacts", "import", "--region", "occitanie", "none.csv"], "none.csv: missing"),
        (["rules", "publish", "--region", "atlantide"], "no region 'atlantide'"),
        (["on-call", "add", "--region", "occitanie", "cellule"], "name --file or --url"),
        (["webhooks", "set", "tower", "--url", "http://x.example.org/4711"], "the receiver's address must be https"),
        (
            ["webhooks", "set", "tower", "--url", "https://10.0.0.1/4711"],
            "the receiver's address must be on the internet",
        ),
        (["webhooks", "set", "To wer", "--url", "https://x.example.org"], "must be lower-case words"),
        (["webhooks", "drop", "tower"], "there is no receiver 'tower'"),
    ],
)
def test_what_is_asked_for_wrongly_is_said_in_a_sentence(vigilits: Vigilits, words: list[str], why: str) -> None:
    done = vigilits(*words)
    assert done.status == command.USAGE
    assert why in done.err
    assert "Traceback" not in done.err
    assert "4711" not in done.err


def test_a_lost_telephone_is_signed_out_and_pushed_to_no_more(vigilits: Vigilits, tmp_path: Path) -> None:
    secret, _ = Links(tmp_path / "home").begin("anne", 0, 10**15)
    People(tmp_path / "home").subscribe("anne", "https://push.example/1", "p", "a", 0)
    told = vigilits("sign-out", "--subject", "anne")
    assert (told.status, told.out) == (0, "anne: 1 sign-ins ended, 1 browsers no longer pushed to\n")
    assert Links(tmp_path / "home").session(secret, 1) == []


def test_a_receiver_is_named_once_with_a_secret_that_is_shown_once(vigilits: Vigilits, tmp_path: Path) -> None:
    secret = vigilits("webhooks", "set", "tower", "--url", "https://x.example.org/4711").out.strip()
    held = People(tmp_path / "home").webhook("tower")
    assert held is not None
    assert (held.url, held.secret, held.allow_private) == ("https://x.example.org/4711", secret, False)
    assert len(secret) >= 32
    assert vigilits("webhooks", "list").out == "tower\n"
    assert vigilits("webhooks", "set", "tower", "--url", "http://10.0.0.1/", "--allow-private").out.strip() != secret
    assert vigilits("webhooks", "drop", "tower").status == 0
    assert vigilits("webhooks", "list").out == ""


def test_a_region_that_nobody_knows_is_named_with_those_that_are_known(vigilits: Vigilits) -> None:
    done = vigilits("region", "init", "--region", "atlantide")
    assert done.status == command.USAGE
    assert "no region 'atlantide'; there is occitanie" in done.err


def test_a_directory_of_another_region_is_refused(vigilits: Vigilits, tmp_path: Path) -> None:
    directory = tiny_directory.write(tmp_path / "x")
    done = vigilits("region", "init", "--region", "occitanie", "--directory", str(directory))
    assert done.status == command.USAGE
    assert "is the directory of 'ici', not of 'occitanie'" in done.err


def test_no_local_token_where_an_issuer_is_configured(vigilits: Vigilits) -> None:
    done = vigilits(
        *("token", "--role", "regulator", "--scope", "ici"),
        KAFKA_URL=NOWHERE,
        REDIS_URL=f"redis://{NOWHERE}",
        OIDC_ISSUER="https://auth.example.fr",
        OIDC_CLIENT_ID="vigilits",
        PUBLIC_URL="https://lits.example.fr",
    )
    assert done.status == command.USAGE
    assert "it alone says who people are" in done.err


@pytest.mark.parametrize("days", [("2020-03-17", "2020-03-20"), ("2020-03-20", "2020-03-18"), ("soon", "2020-03-18")])
def test_days_that_the_replay_does_not_have_are_refused(vigilits: Vigilits, days: tuple[str, str]) -> None:
    done = vigilits("demo", "--from", days[0], "--to", days[1])
    assert done.status == command.USAGE
    assert done.err.startswith("vigilits: ")
    assert "Traceback" not in done.err


def test_dead_letters_are_named_or_all_meant(vigilits: Vigilits) -> None:
    assert "name ids, or --all" in vigilits("dead-letters", "replay").err
    assert "name ids, or --all" in vigilits("dead-letters", "replay", "--all", "x").err


@pytest.mark.parametrize("text", ["redis://h:1/0?password=hush", "redis://h:1?db=1&PASSWORD=hush", "redis://:hush@h"])
def test_no_password_in_an_address_is_shown(text: str) -> None:
    assert "hush" not in command.shown("redis_url", text)
    assert command.shown("redis_url", "redis://h:1/0?db=1") == "redis://h:1/0?db=1"
    assert command.shown("tile_url", "https://t.fr/{z}/{x}/{y}.png") == "https://t.fr/{z}/{x}/{y}.png"

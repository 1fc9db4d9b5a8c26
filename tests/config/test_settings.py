"""Settings: read from an environment, judged as a whole, every mistake at once."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import NOT_SETTINGS, VARIABLES, Mistakes, Settings, describe, read

ISSUER = {
    "OIDC_ISSUER": "https://auth.example.fr",
    "OIDC_CLIENT_ID": "vigilits",
    "PUBLIC_URL": "https://lits.example.fr",
}


def mistakes(**environ: str) -> list[str]:
    """Return what is wrong with an environment."""
    with pytest.raises(Mistakes) as found:
        read(environ)
    return found.value.found


def test_an_empty_environment_is_the_demo_on_this_machine() -> None:
    settings = read({})
    assert (settings.host, settings.port, settings.kafka_url, settings.oidc_issuer) == ("127.0.0.1", 8080, "", "")
    assert settings.home
    assert not settings.secure


def test_what_is_told_is_taken() -> None:
    told = {"PORT": "0", "KAFKA_URL": "a:1,b:2", "REDIS_URL": "redis://:secret@c:3/0", "VIGILITS_HOME": "/somewhere"}
    settings = read(told | {"SESSION_HOURS": "0.5", "FETCH_WAIT_MS": "5", "TILE_URL": "https://t.fr/{z}/{x}/{y}.png"})
    assert (settings.port, settings.kafka_url, settings.home, settings.session_hours) == (
        0,
        "a:1,b:2",
        "/somewhere",
        0.5,
    )
    assert read(ISSUER).secure


def test_what_is_set_to_nothing_is_not_set() -> None:
    assert read(dict.fromkeys(VARIABLES, "")) == read({})


def test_every_setting_has_a_default_and_a_sentence() -> None:
    told = list(describe())
    assert [variable for variable, _, _ in told] == list(VARIABLES)
    assert all(sentence.endswith(".") for _, _, sentence in told)
    assert Settings() is not None


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        read({}).port = 1  # type: ignore[misc]
    assert msgspec.structs.replace(read({}), port=1).port == 1


def test_a_key_that_is_no_setting_is_a_mistake_and_its_right_name_is_told() -> None:
    assert mistakes(VIGILITS_PORT="1") == ["VIGILITS_PORT is no setting of vigilits: it is called PORT"]
    assert mistakes(VIGILITS_COLOUR="red") == ["VIGILITS_COLOUR is no setting of vigilits"]
    assert read(dict.fromkeys(NOT_SETTINGS, "x")) == read({})
    assert read({"PATH": "/bin", "COLOUR": "red"}) == read({})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "1.5"),
        ("KAFKA_URL", "kafka"),
        ("KAFKA_URL", "kafka:0"),
        ("KAFKA_URL", "kafka:1,other"),
        ("REDIS_URL", "http://redis"),
        ("PUBLIC_URL", "lits.example.fr"),
        ("PUBLIC_URL", "https://lits.example.fr/beds"),
        ("PUBLIC_URL", "http://lits.example.fr"),
        ("PUBLIC_URL", "https://lits.example.fr:port"),
        ("OIDC_ISSUER", "http://auth.example.fr"),
        ("TILE_URL", "https://tiles.example.fr/"),
        ("TILE_URL", "https://t.fr; script-src */{z}/{x}/{y}"),
        ("SESSION_HOURS", "0"),
        ("SESSION_HOURS", "nan"),
        ("DEVICE_DAYS", "-1"),
        ("FETCH_WAIT_MS", "0"),
        ("GROUP", "a group"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_its_name(variable: str, value: str) -> None:
    assert any(told.startswith(f"{variable} ") for told in mistakes(**{variable: value}))


def test_public_addresses_on_this_machine_need_no_tls() -> None:
    for address in ("http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:81"):
        assert read({"PUBLIC_URL": address}).public_url == address


@pytest.mark.parametrize(
    ("told", "origin"),
    [
        ("HTTPS://Lits.Example.FR:443/", "https://lits.example.fr"),
        ("https://lits.example.fr:8443", "https://lits.example.fr:8443"),
        ("https://lits.example.fr:80/", "https://lits.example.fr:80"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_a_public_address_is_kept_as_browsers_say_it(told: str, origin: str) -> None:
    settings = read({"PUBLIC_URL": told})
    assert settings.public_url == origin
    assert settings.secure == origin.startswith("https:")


def test_an_address_open_to_others_is_known_to_be_in_the_clear_until_it_is_said_how_it_is_reached() -> None:
    assert read({"HOST": "0.0.0.0"}).is_in_the_clear
    assert not read({"HOST": "0.0.0.0", "PUBLIC_URL": "https://lits.example.fr"}).is_in_the_clear
    assert not any(read({"HOST": host}).is_in_the_clear for host in ("127.0.0.1", "::1", "localhost", ""))


@pytest.mark.parametrize(
    ("environ", "both"),
    [
        ({"KAFKA_URL": "a:1"}, ("KAFKA_URL", "REDIS_URL")),
        ({"REDIS_URL": "redis://a"}, ("KAFKA_URL", "REDIS_URL")),
        ({"OIDC_CLIENT_SECRET": "s3cret"}, ("OIDC_CLIENT_SECRET", "OIDC_ISSUER")),
        ({k: v for k, v in ISSUER.items() if k != "OIDC_CLIENT_ID"}, ("OIDC_ISSUER", "OIDC_CLIENT_ID")),
        ({k: v for k, v in ISSUER.items() if k != "PUBLIC_URL"}, ("OIDC_ISSUER", "PUBLIC_URL")),
        ({"PORT": "9000", "WORKER_PORT": "9000"}, ("PORT", "WORKER_PORT")),
    ],
)
def test_two_that_disagree_are_told_together(environ: dict[str, str], both: tuple[str, str]) -> None:
    (told,) = mistakes(**environ)
    assert all(name in told for name in both)
    assert "s3cret" not in told


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(PORT="x", KAFKA_URL="nowhere", VIGILITS_PORT="1", OIDC_CLIENT_ID="me", LOG_LEVEL="loud")
    assert len(found) == 6


@given(st.dictionaries(st.sampled_from([*VARIABLES, "VIGILITS_X"]), st.text(max_size=30), max_size=6))
def test_no_environment_raises_anything_but_mistakes(environ: dict[str, str]) -> None:
    try:
        read(environ)
    except Mistakes as mistakes_found:
        found = mistakes_found.found
        assert all(isinstance(line, str) for line in found)


# --- channels --------------------------------------------------------------------------------------------------------


def test_channels_are_told_whole_and_their_passwords_never_repeated() -> None:
    whole = {
        "SMTP_URL": "smtps://u:canary@mail.example.fr:465",
        "SMTP_FROM": "vigilits@example.fr",
        "MSSANTE_URL": "smtp://u:canary@mss.example.fr",
        "MSSANTE_FROM": "cellule@ars.mssante.fr",
        "MSSANTE_DOMAINS": "mssante.fr, apicrypt.org",
        "PUSH_CONTACT": "mailto:astreinte@example.fr",
    }
    told = read(whole)
    assert (told.smtp_starttls, told.push_allow_private, told.mssante_domains) == (
        True,
        False,
        whole["MSSANTE_DOMAINS"],
    )
    assert mistakes(SMTP_URL=whole["SMTP_URL"]) == [
        "SMTP_URL is set and SMTP_FROM is not: our mail must come from somewhere"
    ]
    assert mistakes(SMTP_FROM=whole["SMTP_FROM"]) == ["SMTP_FROM is set and SMTP_URL is not"]
    (half,) = mistakes(MSSANTE_URL=whole["MSSANTE_URL"])
    assert half.startswith("MSSANTE_FROM and MSSANTE_DOMAINS must be set too: ")
    in_the_clear = whole | {"SMTP_URL": "smtp://u:canary@mail.example.fr", "SMTP_STARTTLS": "false"}
    assert mistakes(**in_the_clear) == [
        "SMTP_STARTTLS is off and SMTP_URL has a password: it would travel in the clear"
    ]
    assert not read(in_the_clear | {"SMTP_URL": "smtp://u:canary@127.0.0.1:25"}).smtp_starttls


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("SMTP_URL", "https://u:canary@x", "must be smtp:// or smtps://, and name a host"),
        ("SMTP_URL", "smtp://u:canary@x:99999", "is no address such as smtps://user:password@host:465"),
        ("SMTP_URL", "smtp://u:can/ary@x", "is no address such as smtps://user:password@host:465"),
        ("SMTP_URL", "smtp://u@x/inbox", "must end with its port: write %2F, %3F and %23 for /, ? and # in a password"),
        ("SMTP_FROM", "nobody", "'nobody' is no address"),
        ("SMTP_STARTTLS", "perhaps", "'perhaps' is not true or false"),
        ("SMTP_PER_SECOND", "0", "must be more than 0, and at most 1000"),
        ("MSSANTE_DOMAINS", "mssante.fr *", "'*' is no domain"),
        ("SMS_GATEWAY", "/nowhere/gateway.yaml", "'/nowhere/gateway.yaml': there is no such file"),
        ("PUSH_CONTACT", "someone", "'someone' must be mailto:… or https://…"),
        ("PUSH_CONTACT", "mailto:", "'mailto:' must be mailto:… or https://…"),
    ],
)
def test_a_channel_s_setting_that_can_t_be_right_says_why(variable: str, value: str, why: str) -> None:
    assert f"{variable} {why}" in mistakes(**{variable: value})
    assert not any("can/ary" in line or "canary" in line for line in mistakes(**{variable: value}))


def test_patients_keys_are_wrapped_by_one_master_alone() -> None:
    assert read({"MASTER_KEYS": "/kept/apart.json"}).master_keys == "/kept/apart.json"
    assert read({"KMS_COMMAND": "kms --region 'Pays de la Loire'"}).kms_command
    assert mistakes(KMS_COMMAND="kms 'canary") == ["KMS_COMMAND is no command line: a quotation mark is not closed"]
    assert mistakes(KMS_COMMAND="kms", MASTER_KEYS="/kept/apart.json") == [
        "MASTER_KEYS and KMS_COMMAND are both set: which of them wraps patients' keys?"
    ]

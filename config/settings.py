"""What a process of vigilits is told by its environment: one frozen type, checked as a whole before anything starts."""

import ipaddress
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from config import sms_gateway

# Read by the tests and the launcher alone; named here so that a misspelt setting still stands out.
NOT_SETTINGS = frozenset(("VIGILITS_ENGINES", "VIGILITS_CHROMIUM"))


class Mistakes(Exception):
    """Everything that is wrong with the settings, one sentence each."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("settings:\n" + "\n".join(f"  {line}" for line in found))
        self.found = found


def _home(environ: Mapping[str, str]) -> str:
    if sys.platform == "darwin":
        return str(Path.home() / "Library" / "Application Support" / "vigilits")
    return str(Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "vigilits")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting: its environment variable is its name in capitals, `home` alone is VIGILITS_HOME."""

    kafka_url: Annotated[str, Meta(description="Kafka's bootstrap servers, host:port separated by commas.")] = ""
    redis_url: Annotated[str, Meta(description="Redis or Valkey, redis://host:port/db.")] = ""
    host: Annotated[str, Meta(description="The address on which the API listens.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="The port on which the API listens; 0 takes a free one.")] = 8080
    worker_host: Annotated[str, Meta(description="The address on which a worker serves its metrics.")] = "127.0.0.1"
    worker_port: Annotated[
        int, Meta(description="The port for a worker's metrics and readiness; 0 takes a free one.")
    ] = 0
    public_url: Annotated[
        str, Meta(description="The origin under which people reach the pages, where a proxy stands before the API.")
    ] = ""
    tile_url: Annotated[
        str, Meta(description="A background map's tile address, https://…/{z}/{x}/{y}.png; none: outlines alone.")
    ] = ""
    oidc_issuer: Annotated[
        str, Meta(description="The OpenID Connect issuer that says who people are; none: the local issuer does.")
    ] = ""
    oidc_client_id: Annotated[str, Meta(description="What the issuer knows vigilits' sign-in page by.")] = ""
    oidc_client_secret: Annotated[str, Meta(description="The sign-in page's secret, where the issuer wants one.")] = ""
    oidc_audience: Annotated[str, Meta(description="The audience that an access token must name.")] = "vigilits"
    home: Annotated[
        str, Meta(description="The directory of this vigilits' own small files: sign-in links, sessions, local keys.")
    ] = ""
    session_hours: Annotated[float, Meta(description="How long a person stays signed in.")] = 12.0
    device_days: Annotated[
        float,
        Meta(
            description="For how long after it last opened vigilits a device that takes pushes stays signed in; 0: "
            "no longer than others."
        ),
    ] = 30.0
    fetch_wait_ms: Annotated[
        int, Meta(description="How long Kafka may hold a fetch open; an engine that answers late wants it small.")
    ] = 20
    group: Annotated[str, Meta(description="The consumer group of the workers.")] = "vigilits"
    smtp_url: Annotated[
        str, Meta(description="The server that takes our e-mail, smtp[s]://user:password@host:port; none: no e-mail.")
    ] = ""
    smtp_from: Annotated[str, Meta(description="The address that our e-mail comes from.")] = ""
    smtp_starttls: Annotated[
        bool, Meta(description="Whether smtp:// (not smtps://) must turn to TLS before anything is said.")
    ] = True
    smtp_per_second: Annotated[
        float,
        Meta(description="How many messages a second each mail server is handed by each shard: five of a region send."),
    ] = 5.0
    mssante_url: Annotated[
        str, Meta(description="The MSSanté operator's server, as SMTP_URL, always over TLS; none: no MSSanté.")
    ] = ""
    mssante_from: Annotated[str, Meta(description="The MSSanté mailbox that we write from.")] = ""
    mssante_domains: Annotated[
        str, Meta(description="The MSSanté domains that we write to, and to no others, separated by commas.")
    ] = ""
    sms_gateway: Annotated[
        str, Meta(description="The YAML file that says how the SMS gateway is spoken to; none: no SMS.")
    ] = ""
    push_contact: Annotated[
        str, Meta(description="Whom push services write to about us, mailto:… or https://…; none: no Web Push.")
    ] = ""
    push_allow_private: Annotated[
        bool, Meta(description="Whether push services may be on private addresses, and without TLS: for tests alone.")
    ] = False
    master_keys: Annotated[
        str, Meta(description="The file of the master keys that wrap patients' keys; none: one in VIGILITS_HOME.")
    ] = ""
    kms_command: Annotated[
        str, Meta(description="The command that wraps patients' keys with a KMS instead; it must hold no secret.")
    ] = ""
    teleconsultation: Annotated[
        str, Meta(description="Teleconsultation providers, name=https://… each, separated by commas; none: none.")
    ] = ""
    log_level: Annotated[str, Meta(description="debug, info, warning or error.")] = "info"

    @property
    def secure(self) -> bool:
        """Return whether people reach the pages over TLS, so that cookies must never travel without it."""
        return self.public_url.startswith("https:")

    @property
    def is_in_the_clear(self) -> bool:
        """Return whether other machines may reach the pages with nothing said of TLS: cookies then travel without."""
        return not self.public_url and not _is_loopback(self.host)


def providers(value: str) -> list[tuple[str, str]]:
    """Return teleconsultation providers as (name, address)."""
    parts = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    return [(name.strip(), address.strip()) for name, _, address in parts]


VARIABLES = {("VIGILITS_HOME" if name == "home" else name.upper()): name for name in Settings.__struct_fields__}


def describe() -> Iterator[tuple[str, str, str]]:
    """Yield every setting for a person to read: variable, default, sentence."""
    hints = get_type_hints(Settings, include_extras=True)
    defaults = msgspec.structs.asdict(Settings(home="the user's data directory"))
    for variable, name in VARIABLES.items():
        yield variable, str(defaults[name]), hints[name].__metadata__[0].description


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings that the environment tells; raise Mistakes with all that is wrong with them at once."""
    found = [
        f"{key} is no setting of vigilits" + _nearest(key)
        for key in sorted(environ)
        if key.startswith("VIGILITS_") and key not in VARIABLES and key not in NOT_SETTINGS
    ]
    told: dict[str, Any] = {}
    types = get_type_hints(Settings)
    for variable, name in VARIABLES.items():
        text = environ.get(variable, "").strip()
        if not text:
            continue  # set to nothing is not set: so Compose hands down what its user left out
        try:
            told[name] = msgspec.convert(text, types[name], strict=False)
        except msgspec.ValidationError:
            found.append(f"{variable} {text!r} is not {_wanted(types[name])}")
    told.setdefault("home", _home(environ))
    settings = Settings(**told)
    for variable, rule in RULES.items():
        why = rule(getattr(settings, VARIABLES[variable]))
        found += [f"{variable} {why}"] if why else []
    found += [why for rule in PAIRS if (why := rule(settings))]
    if found:
        raise Mistakes(found)
    return msgspec.structs.replace(settings, public_url=_as_browsers_say(settings.public_url))


def _nearest(key: str) -> str:
    bare = key.removeprefix("VIGILITS_")
    return f": it is called {bare}" if bare in VARIABLES else ""


def _wanted(kind: type) -> str:
    return {int: "a whole number", bool: "true or false"}.get(kind, "a number")


# --- one setting at a time -------------------------------------------------------------------------------------------


def _addresses(value: str) -> str | None:
    for part in filter(None, value.split(",")):
        host, _, port = part.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            return f"{part!r} must be host:port"
    return None


def _redis(value: str) -> str | None:
    if value and (urlsplit(value).scheme not in ("redis", "rediss", "unix")):
        return "must begin with redis://, rediss:// or unix://"
    return None


def _port(value: int) -> str | None:
    return None if 0 <= value < 65536 else f"{value} must be from 0 to 65535"


def _origin(value: str) -> str | None:
    if not value:
        return None
    address = _address(value)
    if address is None or address.path not in ("", "/") or address.query or address.fragment:
        return f"{value!r} must be an origin such as https://lits.example.fr"
    if address.scheme == "http" and not _is_loopback(address.hostname or ""):
        # A session's cookie would travel in the clear.
        return f"{value!r} must be https, except on this machine itself"
    return None


def _as_browsers_say(origin: str) -> str:
    """Return an origin as it is in a browser's Origin header: in small letters, without what goes without saying."""
    address = _address(origin)
    if address is None:
        return origin
    host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
    usual = {"http": 80, "https": 443}[address.scheme]
    return f"{address.scheme}://{host}" + ("" if address.port in (None, usual) else f":{address.port}")


def _issuer(value: str) -> str | None:
    if not value:
        return None
    address = _address(value)
    if address is None:
        return f"{value!r} must be an address such as https://auth.example.fr/realms/sante"
    if address.scheme == "http" and not _is_loopback(address.hostname or ""):
        return f"{value!r} must be https: whoever can change its keys on the way can sign in as anyone"
    return None


def _tiles(value: str) -> str | None:
    if not value:
        return None
    address = _address(value)
    if address is None or not all(part in value for part in ("{z}", "{x}", "{y}")):
        return f"{value!r} must be an address with {{z}}, {{x}} and {{y}}"
    # It is named in the page's Content-Security-Policy, where a space or a semicolon would open a hole.
    return None if re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", address.netloc) else f"{value!r} has an odd host name"


def _address(value: str) -> Any:
    try:
        address = urlsplit(value)
        address.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return None
    return address if address.scheme in ("http", "https") and address.hostname else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _mail_server(value: str) -> str | None:
    # What is wrong is said without the value: it holds a password.
    try:
        address = urlsplit(value)
        address.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return "is no address such as smtps://user:password@host:465"
    if value and (address.scheme not in ("smtp", "smtps") or not address.hostname):
        return "must be smtp:// or smtps://, and name a host"
    if address.path not in ("", "/") or address.query or address.fragment:
        return "must end with its port: write %2F, %3F and %23 for /, ? and # in a password"
    return None


def _mailbox(value: str) -> str | None:
    return (
        None if not value or re.fullmatch(r"[^@\s<>\",;:\\]+@[^@\s<>\",;:\\]+", value) else f"{value!r} is no address"
    )


def _domains(value: str) -> str | None:
    wrong = [part for part in _split(value) if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", part)]
    return f"{wrong[0]!r} is no domain" if wrong else None


def _split(value: str) -> list[str]:
    return value.replace(",", " ").split()


def _gateway(value: str) -> str | None:
    if not value:
        return None
    try:
        sms_gateway.read(value)
    except sms_gateway.WrongGateway as why:
        return f"{value!r}: {why}"
    return None


def _push_contact(value: str) -> str | None:
    if not value or (value.startswith("mailto:") and _mailbox(value[7:] or "?") is None):
        return None
    address = _address(value)
    return None if address and address.scheme == "https" else f"{value!r} must be mailto:… or https://…"


def _command(value: str) -> str | None:
    try:
        shlex.split(value)
    except ValueError:
        return "is no command line: a quotation mark is not closed"
    return None


def _providers(value: str) -> str | None:
    told = providers(value)
    for name, text in told:
        address = _address(text)
        if not re.search(r"[A-Za-z0-9]", name) or address is None:
            return f"{name or text!r} must be name=https://…"
        if address.scheme == "http" and not _is_loopback(address.hostname or ""):
            return f"{name!r} must be https"
    return "names a provider twice" if len({name for name, _ in told}) < len(told) else None


RULES: dict[str, Callable[[Any], str | None]] = {
    "KAFKA_URL": _addresses,
    "REDIS_URL": _redis,
    "PORT": _port,
    "WORKER_PORT": _port,
    "PUBLIC_URL": _origin,
    "OIDC_ISSUER": _issuer,
    "TILE_URL": _tiles,
    "SESSION_HOURS": lambda value: None if 0 < value <= 24 * 31 else "must be more than 0, and at most 744",
    "DEVICE_DAYS": lambda value: None if 0 <= value <= 365 else "must be from 0 to 365",
    "FETCH_WAIT_MS": lambda value: None if 1 <= value <= 5000 else "must be from 1 to 5000",
    "GROUP": lambda value: (
        None if re.fullmatch(r"[A-Za-z0-9._-]{1,200}", value) else "may hold letters, digits, dots, _ and - alone"
    ),
    "SMTP_URL": _mail_server,
    "SMTP_FROM": _mailbox,
    "SMTP_PER_SECOND": lambda value: None if 0 < value <= 1000 else "must be more than 0, and at most 1000",
    "MSSANTE_URL": _mail_server,
    "MSSANTE_FROM": _mailbox,
    "MSSANTE_DOMAINS": _domains,
    "SMS_GATEWAY": _gateway,
    "PUSH_CONTACT": _push_contact,
    "KMS_COMMAND": _command,
    "TELECONSULTATION": _providers,
    "LOG_LEVEL": lambda value: (
        None if value in ("debug", "info", "warning", "error") else "must be debug, info, warning or error"
    ),
}


# --- two that disagree, told together: which of them is meant, only the writer knows ---------------------------------


def _engines_together(settings: Settings) -> str | None:
    if bool(settings.kafka_url) == bool(settings.redis_url):
        return None
    given, missing = ("KAFKA_URL", "REDIS_URL") if settings.kafka_url else ("REDIS_URL", "KAFKA_URL")
    return f"{given} is set and {missing} is not: give both, or neither for the embedded engines"


def _sign_in_whole(settings: Settings) -> str | None:
    if settings.oidc_issuer and not settings.oidc_client_id:
        return "OIDC_ISSUER is set and OIDC_CLIENT_ID is not: nobody could sign in"
    alone = [name for name in ("oidc_client_id", "oidc_client_secret") if getattr(settings, name)]
    if alone and not settings.oidc_issuer:
        return f"{' and '.join(name.upper() for name in alone)} without OIDC_ISSUER: the local issuer knows no clients"
    return None


def _way_back(settings: Settings) -> str | None:
    if settings.oidc_issuer and not settings.public_url:
        return "OIDC_ISSUER is set and PUBLIC_URL is not: the issuer must be told where to send people back"
    return None


def _ports_apart(settings: Settings) -> str | None:
    if settings.port and settings.port == settings.worker_port and settings.host == settings.worker_host:
        return f"PORT and WORKER_PORT are both {settings.port}"
    return None


def _mail_whole(settings: Settings) -> str | None:
    if settings.smtp_url and not settings.smtp_from:
        return "SMTP_URL is set and SMTP_FROM is not: our mail must come from somewhere"
    return "SMTP_FROM is set and SMTP_URL is not" if settings.smtp_from and not settings.smtp_url else None


def _mail_password_kept(settings: Settings) -> str | None:
    if settings.smtp_starttls or not settings.smtp_url.startswith("smtp:"):
        return None
    address = urlsplit(settings.smtp_url)
    if address.password is not None and not _is_loopback(address.hostname or ""):
        return "SMTP_STARTTLS is off and SMTP_URL has a password: it would travel in the clear"
    return None


def _mssante_whole(settings: Settings) -> str | None:
    told = {name: getattr(settings, name.lower()) for name in ("MSSANTE_URL", "MSSANTE_FROM", "MSSANTE_DOMAINS")}
    missing = [name for name, value in told.items() if not value]
    if not missing or len(missing) == len(told):
        return None
    return f"{' and '.join(missing)} must be set too: MSSanté needs its server, a mailbox, and whom it may write to"


def _one_master(settings: Settings) -> str | None:
    if settings.master_keys and settings.kms_command:
        return "MASTER_KEYS and KMS_COMMAND are both set: which of them wraps patients' keys?"
    return None


PAIRS = (
    _engines_together,
    _sign_in_whole,
    _way_back,
    _ports_apart,
    _mail_whole,
    _mail_password_kept,
    _mssante_whole,
    _one_master,
)

"""The local issuer's side of the command: tokens for programs, and links with which a person is signed in at once."""

from pathlib import Path

from config.settings import Settings
from launch.regions import now
from people.directory import People
from realtime_api.issuer import LocalIssuer
from realtime_api.links import Links

LINK_MINUTES = 7 * 24 * 60.0
FRAGMENT = "#connexion="


class NoLocalIssuer(Exception):
    """Another issuer says who people are here."""


def local_issuer(settings: Settings) -> LocalIssuer:
    """Return the home's issuer; raise NoLocalIssuer where another is configured: then nothing local is believed."""
    if settings.oidc_issuer:
        raise NoLocalIssuer(
            f"OIDC_ISSUER is {settings.oidc_issuer}: it alone says who people are, `vigilits grant give` what they may"
        )
    return LocalIssuer(Path(settings.home))


def link(home: Path, url: str, subject: str, minutes: float = LINK_MINUTES) -> str:
    """Return an address that signs its visitor in; the secret is in the fragment, which browsers send nobody."""
    return f"{url}/{FRAGMENT}{Links(home).issue(subject, now(), minutes)}"


def sign_out(home: Path, subject: str) -> tuple[int, int]:
    """Return how many sign-ins of a subject were ended, and how many of their browsers are no longer pushed to."""
    return Links(home).sign_out(subject), People(home).unsubscribe_all(subject)

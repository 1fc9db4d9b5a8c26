"""The directory store: people, their addresses and subscriptions, links that mark seen, our keys; one SQLite file."""

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from people.own_file import share
from people.web_push import VapidKeys, base64url, new_private_key

FILE = "directory.sqlite3"
BUSY_WITHIN_S = 10.0  # SQLite lets whoever is lucky go first: under load somebody may wait for long
LINK_BYTES = 18  # 144 bits in 24 characters: a link must fit an SMS
KEY_BYTES = 32
MOST_SECRET = 200  # characters
MOST_SUBSCRIPTIONS = 20  # of one person; the oldest makes room
MOST_LABEL = 100  # characters
SEEN = "seen"  # the one purpose of these links

_TABLES = """
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contacts (
    region TEXT NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL, team TEXT NOT NULL, language TEXT NOT NULL,
    role TEXT NOT NULL, invented INTEGER NOT NULL, PRIMARY KEY (region, subject)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS addresses (
    region TEXT NOT NULL, subject TEXT NOT NULL, channel TEXT NOT NULL, place INTEGER NOT NULL, address TEXT NOT NULL,
    PRIMARY KEY (region, subject, channel, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subscriptions (
    subject TEXT NOT NULL, id TEXT NOT NULL, endpoint TEXT NOT NULL, p256dh TEXT NOT NULL, auth TEXT NOT NULL,
    label TEXT NOT NULL, made_at INTEGER NOT NULL, PRIMARY KEY (subject, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    digest BLOB PRIMARY KEY, region TEXT NOT NULL, group_id TEXT NOT NULL, subject TEXT NOT NULL,
    expires_at INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_end ON links (expires_at);
CREATE TABLE IF NOT EXISTS webhooks (
    name TEXT PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL, allow_private INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calendars (
    region TEXT NOT NULL, schedule TEXT NOT NULL, url TEXT NOT NULL, PRIMARY KEY (region, schedule)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Contact:
    """One row of a region's contacts.csv; `addresses` by channel (smtp, sms, mssante), each may have several."""

    subject: str
    name: str = field(repr=False)
    team: str = ""
    language: str = "fr"
    role: str = ""
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    invented: bool = False


class Known(NamedTuple):
    """Who a subject is."""

    subject: str
    name: str
    team: str
    language: str
    role: str
    invented: bool


class Imported(NamedTuple):
    """What an import did, in people."""

    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser of a person's that takes pushes; whoever knows the endpoint can reach it."""

    id: str
    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    label: str = ""
    made_at: int = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of alerts, and the secret that our signature is made with."""

    name: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    allow_private: bool = False


class SeenLink(NamedTuple):
    """What a link stands for: this person has seen this group; nothing else can be done with it."""

    group: str
    region: str
    person: str
    expires_at: int


class People:
    """The file in VIGILITS_HOME. Its methods block for a moment: call them off the loop.

    Worker, API and commands open it at the same time: every call is one short transaction on a connection of its own.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = home / FILE
        self._path.touch(mode=0o600)
        self._path.chmod(0o600)  # whatever it was copied with; SQLite gives its -wal and -shm the same
        with self._open() as database:
            share(database, BUSY_WITHIN_S)
            database.executescript(_TABLES)
            kept = self._keys(database)
            if len(kept) < 2:  # whoever comes first makes them; everybody reads what is there
                made = {"links": secrets.token_bytes(KEY_BYTES), "vapid": new_private_key()}
                database.executemany("INSERT OR IGNORE INTO keys (name, value) VALUES (?, ?)", made.items())
                kept = self._keys(database)
        self._link_key, self._vapid = kept["links"], VapidKeys(kept["vapid"])

    @staticmethod
    def _keys(database: sqlite3.Connection) -> dict[str, bytes]:
        return dict(database.execute("SELECT name, value FROM keys").fetchall())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self._path, timeout=BUSY_WITHIN_S)
        try:
            database.execute("PRAGMA secure_delete = ON")  # a telephone number that is deleted is not left in the file
            with database:
                yield database
        finally:
            database.close()

    # -- people

    def import_contacts(self, region: str, contacts: Iterable[Contact]) -> Imported:
        """Return what changed: the region's people are these from now on, and no others.

        Who is in no region any more loses subscriptions and links with it.
        """
        told = {contact.subject: _tidy(contact) for contact in contacts}
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")  # read and write as one, whoever else imports
            held = self._contacts(database, region)
            database.execute("DELETE FROM contacts WHERE region = ?", (region,))
            database.execute("DELETE FROM addresses WHERE region = ?", (region,))
            for contact in told.values():
                database.execute(
                    "INSERT INTO contacts (region, subject, name, team, language, role, invented)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        region,
                        contact.subject,
                        contact.name,
                        contact.team,
                        contact.language,
                        contact.role,
                        contact.invented,
                    ),
                )
                database.executemany(
                    "INSERT INTO addresses (region, subject, channel, place, address) VALUES (?, ?, ?, ?, ?)",
                    [
                        (region, contact.subject, channel, place, address)
                        for channel, addresses in sorted(contact.addresses.items())
                        for place, address in enumerate(addresses)
                    ],
                )
            gone = [subject for subject in held if subject not in told]
            for subject in gone:
                if not database.execute("SELECT 1 FROM contacts WHERE subject = ?", (subject,)).fetchone():
                    database.execute("DELETE FROM subscriptions WHERE subject = ?", (subject,))
                    database.execute("DELETE FROM links WHERE subject = ?", (subject,))
        changed = sum(1 for subject, contact in told.items() if subject in held and held[subject] != contact)
        return Imported(sum(1 for subject in told if subject not in held), changed, len(gone))

    def _contacts(self, database: sqlite3.Connection, region: str) -> dict[str, Contact]:
        addresses: dict[str, dict[str, tuple[str, ...]]] = {}
        for subject, channel, address in database.execute(
            "SELECT subject, channel, address FROM addresses WHERE region = ? ORDER BY subject, channel, place",
            (region,),
        ):
            of = addresses.setdefault(subject, {})
            of[channel] = (*of.get(channel, ()), address)
        return {
            subject: Contact(subject, name, team, language, role, addresses.get(subject, {}), bool(invented))
            for subject, name, team, language, role, invented in database.execute(
                "SELECT subject, name, team, language, role, invented FROM contacts WHERE region = ?", (region,)
            )
        }

    def person(self, subject: str) -> Known | None:
        """Return who a subject is, None for one in no region's contacts."""
        with self._open() as database:
            found = database.execute(
                "SELECT subject, name, team, language, role, invented FROM contacts WHERE subject = ? ORDER BY region",
                (subject,),
            ).fetchone()
        return None if found is None else _known(found)

    def names(self, region: str) -> dict[str, Known]:
        """Return a region's people by subject, in the order of their names."""
        with self._open() as database:
            rows = database.execute(
                "SELECT subject, name, team, language, role, invented FROM contacts WHERE region = ?"
                " ORDER BY name, subject",
                (region,),
            ).fetchall()
        return {row[0]: _known(row) for row in rows}

    def addresses(self, subject: str, channel: str) -> list[str]:
        """Return a person's addresses on a channel, in order, each once; none where it is unknown or has none."""
        with self._open() as database:
            rows = database.execute(
                "SELECT address FROM addresses WHERE subject = ? AND channel = ? ORDER BY region, place",
                (subject, channel),
            ).fetchall()
        return list(dict.fromkeys(row[0] for row in rows))

    def reached(self, subjects: Iterable[str]) -> dict[str, frozenset[str]]:
        """Return on which channels each of these people has an address, or a browser that is pushed to."""
        named = list(dict.fromkeys(subjects))
        found: dict[str, set[str]] = {subject: set() for subject in named}
        with self._open() as database:
            for subject, channel in database.execute(
                "SELECT subject, channel FROM addresses WHERE subject IN (SELECT value FROM json_each(?))"
                " UNION SELECT subject, 'push' FROM subscriptions WHERE subject IN (SELECT value FROM json_each(?))",
                (json.dumps(named), json.dumps(named)),
            ):
                found[subject].add(channel)
        return {subject: frozenset(channels) for subject, channels in found.items()}

    def masked_addresses(self, subject: str) -> list[tuple[str, str]]:
        """Return (channel, address as it may be shown) of a person, for each of theirs."""
        with self._open() as database:
            rows = database.execute(
                "SELECT channel, address FROM addresses WHERE subject = ? ORDER BY channel, region, place", (subject,)
            ).fetchall()
        return list(dict.fromkeys((channel, masked(address)) for channel, address in rows))

    # -- push subscriptions

    def subscribe(self, subject: str, endpoint: str, p256dh: str, auth: str, now: int, label: str = "") -> Subscription:
        """Return the subscription as it is kept: one a person and endpoint, its keys those told last.

        Whether it can be used at all is `people.web_push.why_not`'s to say, first.
        """
        id_ = hashlib.blake2b(endpoint.encode(), digest_size=9).hexdigest()
        made = Subscription(id_, endpoint, p256dh, auth, label[:MOST_LABEL], now)
        with self._open() as database:
            # A browser that another person signs in with is theirs from now on: what is pushed is read on its screen.
            database.execute("DELETE FROM subscriptions WHERE id = ?", (id_,))
            database.execute(
                "INSERT INTO subscriptions (subject, id, endpoint, p256dh, auth, label, made_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (subject, id_, endpoint, p256dh, auth, made.label, now),
            )
            database.execute(
                "DELETE FROM subscriptions WHERE subject = ? AND id NOT IN"
                " (SELECT id FROM subscriptions WHERE subject = ? ORDER BY made_at DESC, id LIMIT ?)",
                (subject, subject, MOST_SUBSCRIPTIONS),
            )
        return made

    def subscriptions(self, subject: str) -> list[Subscription]:
        """Return a person's subscriptions, oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id, endpoint, p256dh, auth, label, made_at FROM subscriptions WHERE subject = ?"
                " ORDER BY made_at, id",
                (subject,),
            ).fetchall()
        return [Subscription(*row) for row in rows]

    def pushed_to(self, asked: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of these (person, subscription's id) that there are."""
        named = set(asked)
        with self._open() as database:
            rows = database.execute(
                "SELECT subject, id FROM subscriptions WHERE subject IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted({subject for subject, _ in named})),),
            ).fetchall()
        return named & {(subject, id_) for subject, id_ in rows}

    def endpoints(self, most: int) -> list[str]:
        """Return the endpoints of the newest subscriptions of all people."""
        with self._open() as database:
            rows = database.execute("SELECT endpoint FROM subscriptions ORDER BY made_at DESC, id LIMIT ?", (most,))
            return [endpoint for (endpoint,) in rows]

    def unsubscribe(self, subject: str, id_: str) -> bool:
        """Return whether the person had this subscription; it is gone."""
        with self._open() as database:
            found = database.execute("DELETE FROM subscriptions WHERE subject = ? AND id = ?", (subject, id_))
            return found.rowcount > 0

    def unsubscribe_all(self, subject: str) -> int:
        """Return how many subscriptions a person had; they are gone."""
        with self._open() as database:
            return database.execute("DELETE FROM subscriptions WHERE subject = ?", (subject,)).rowcount

    def drop_subscription(self, id_: str) -> None:
        """Return once nobody has this subscription any more: its push service says that it is over."""
        with self._open() as database:
            database.execute("DELETE FROM subscriptions WHERE id = ?", (id_,))

    def vapid(self) -> VapidKeys:
        """Return the key pair that we are known by to push services: made once, in this file."""
        return self._vapid

    # -- links that mark seen

    def link(self, region: str, group: str, person: str, expires_at: int) -> str:
        """Return the secret of the link by which a person marks a group seen until `expires_at` (ms).

        The same four give the same secret, so that a message sent again is the same message; what was revoked stays so.
        """
        told = json.dumps([SEEN, region, group, person, expires_at]).encode()
        derived = hmac.digest(self._link_key, told, "sha256")[:LINK_BYTES]
        secret = base64url(derived)
        with self._open() as database:
            database.execute(
                "INSERT OR IGNORE INTO links (digest, region, group_id, subject, expires_at) VALUES (?, ?, ?, ?, ?)",
                (_digest(secret), region, group, person, expires_at),
            )
        return secret

    def open_link(self, secret: str, now: int) -> SeenLink | None:
        """Return what a link stands for, None for one that is unknown, over or revoked; asking changes nothing."""
        if len(secret) > MOST_SECRET:
            return None
        with self._open() as database:
            found = database.execute(
                "SELECT group_id, region, subject, expires_at FROM links"
                " WHERE digest = ? AND expires_at > ? AND NOT revoked",
                (_digest(secret), now),
            ).fetchone()
        return None if found is None else SeenLink(*found)

    def revoke_links(self, person: str | None = None, group: str | None = None) -> int:
        """Return how many links no longer open: those of a person, of a group, of both; of everybody without either."""
        with self._open() as database:
            return database.execute(
                "UPDATE links SET revoked = 1 WHERE NOT revoked AND (? IS NULL OR subject = ?)"
                " AND (? IS NULL OR group_id = ?)",
                (person, person, group, group),
            ).rowcount

    def forget_links(self, now: int) -> int:
        """Return how many links were over, and are gone."""
        with self._open() as database:
            return database.execute("DELETE FROM links WHERE expires_at <= ?", (now,)).rowcount

    # -- webhooks and calendars: addresses that hold secrets

    def set_webhook(self, name: str, url: str, secret: str, *, allow_private: bool = False) -> None:
        """Return once a receiver is known under a name, in place of what was."""
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO webhooks (name, url, secret, allow_private) VALUES (?, ?, ?, ?)",
                (name, url, secret, allow_private),
            )

    def webhook(self, name: str) -> Webhook | None:
        """Return a receiver by its name, None for one that is unknown."""
        with self._open() as database:
            found = database.execute(
                "SELECT name, url, secret, allow_private FROM webhooks WHERE name = ?", (name,)
            ).fetchone()
        return None if found is None else Webhook(found[0], found[1], found[2], allow_private=bool(found[3]))

    def webhooks(self) -> list[str]:
        """Return the names of all receivers."""
        with self._open() as database:
            return [row[0] for row in database.execute("SELECT name FROM webhooks ORDER BY name")]

    def drop_webhook(self, name: str) -> bool:
        """Return whether there was such a receiver; it is gone."""
        with self._open() as database:
            return database.execute("DELETE FROM webhooks WHERE name = ?", (name,)).rowcount > 0

    def set_calendar(self, region: str, schedule: str, url: str) -> None:
        """Return once the address of an on-call schedule's calendar is known, in place of what was."""
        with self._open() as database:
            database.execute(
                "INSERT OR REPLACE INTO calendars (region, schedule, url) VALUES (?, ?, ?)", (region, schedule, url)
            )

    def calendars(self, region: str) -> dict[str, str]:
        """Return the addresses of a region's calendars by schedule."""
        with self._open() as database:
            return dict(database.execute("SELECT schedule, url FROM calendars WHERE region = ?", (region,)).fetchall())

    def drop_calendar(self, region: str, schedule: str) -> bool:
        """Return whether there was such an address; it is gone."""
        with self._open() as database:
            return (
                database.execute("DELETE FROM calendars WHERE region = ? AND schedule = ?", (region, schedule)).rowcount
                > 0
            )


def masked(address: str) -> str:
    """Return an address as its owner recognises it and nobody else learns it: `m…@example.fr`, `…34 56`."""
    name, at, host = address.rpartition("@")
    if at:
        return f"{name[:1]}…@{host}"
    digits = "".join(filter(str.isdigit, address))
    return f"…{digits[-4:-2]} {digits[-2:]}" if len(digits) >= 8 else "…"


def _known(row: tuple[str, str, str, str, str, int]) -> Known:
    return Known(row[0], row[1], row[2], row[3], row[4], invented=bool(row[5]))


def _tidy(contact: Contact) -> Contact:
    """Return a contact without the channels on which it has no address, as it is read back."""
    return replace(contact, addresses={name: tuple(told) for name, told in contact.addresses.items() if told})


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

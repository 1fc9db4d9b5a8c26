"""What the server says over `/ws`: shapes for those who read it; the hub writes plain dicts of the same keys."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domain.alerts.notice import ChannelState, Group, HeldAlert, Override, Silence
from domain.capacity.picture import WardPicture  # on this way without its rows
from domain.capacity.totals import Total
from domain.followup.counts import Counts
from domain.followup.crossing import Word
from realtime_api.push.alerts import OnCallNow
from realtime_api.push.patients import RowShown


class Picture(msgspec.Struct, frozen=True):
    """All that a view shows of a region, at an instant of the region's clock."""

    at: int
    rebuilding: bool
    region_digest: str | None
    scenario: dict[str, Any] | None
    wards: dict[str, WardPicture]
    totals: dict[str, Total]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What changed, whole new values by key: null is gone, and what is absent did not change."""

    at: int
    rebuilding: bool | UnsetType = UNSET
    scenario: dict[str, Any] | UnsetType | None = UNSET
    wards: dict[str, WardPicture | None] | UnsetType = UNSET
    totals: dict[str, Total | None] | UnsetType = UNSET


class AlertsPicture(msgspec.Struct, frozen=True):
    """All that a view shows of a region's alerts, at an instant of the clock of its notices."""

    at: int
    rebuilding: bool
    alerts: dict[str, HeldAlert]
    groups: dict[str, Group]
    silences: dict[str, Silence]
    overrides: dict[str, Override]
    channels: dict[str, ChannelState]
    on_call: dict[str, OnCallNow]
    counts: dict[str, Counts]
    words: dict[str, Word]


class AlertsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What changed of alerts, whole new values by key: null is gone, and what is absent did not change."""

    at: int
    rebuilding: bool | UnsetType = UNSET
    alerts: dict[str, HeldAlert | None] | UnsetType = UNSET
    groups: dict[str, Group | None] | UnsetType = UNSET
    silences: dict[str, Silence | None] | UnsetType = UNSET
    overrides: dict[str, Override | None] | UnsetType = UNSET
    channels: dict[str, ChannelState | None] | UnsetType = UNSET
    on_call: dict[str, OnCallNow | None] | UnsetType = UNSET
    counts: dict[str, Counts | None] | UnsetType = UNSET
    words: dict[str, Word | None] | UnsetType = UNSET


class PatientsPicture(msgspec.Struct, frozen=True):
    """The patients of a followup shard of whose circle one is, in clear, at an instant of the shard's clock."""

    at: int
    rebuilding: bool
    patients: dict[str, RowShown]


class PatientsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Those of them that changed, whole; null is gone, or not one's own any more."""

    at: int
    rebuilding: bool | UnsetType = UNSET
    patients: dict[str, RowShown | None] | UnsetType = UNSET


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """A whole picture, instead of whatever the client held."""

    channel: str
    token: str
    data: Picture


class Changes(msgspec.Struct, frozen=True, tag_field="type", tag="changes"):
    """What changed since the last frame of this channel, or since the token that the client came back with."""

    channel: str
    token: str
    changes: Changed


class AlertsSnapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The same of a channel of alerts: `alerts:<region>`, `alerts:me` or `alerts:me:<region>`."""

    channel: str
    token: str
    data: AlertsPicture


class AlertsChanges(msgspec.Struct, frozen=True, tag_field="type", tag="changes"):
    """The same of a channel of alerts."""

    channel: str
    token: str
    changes: AlertsChanged


class PatientsSnapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The same of a channel of patients, `patients:me:<region>:<n>`: their content is asked of doors."""

    channel: str
    token: str
    data: PatientsPicture


class PatientsChanges(msgspec.Struct, frozen=True, tag_field="type", tag="changes"):
    """The same of a channel of patients."""

    channel: str
    token: str
    changes: PatientsChanged


class Reset(msgspec.Struct, frozen=True, tag_field="type", tag="reset"):
    """What the client holds is void; a snapshot follows."""

    channel: str
    reason: str


class Live(msgspec.Struct, frozen=True, tag_field="type", tag="live"):
    """The region's clock as it was folded: at most once a second, at least every 5 s while it goes on."""

    channel: str
    at: int


class Error(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """What was asked for can't be done, and why."""

    code: str
    detail: str
    channel: str | UnsetType = UNSET


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping."""


Told = Snapshot | Changes | Reset | Live | Error | Pong
AlertsTold = AlertsSnapshot | AlertsChanges | Reset | Live | Error | Pong
PatientsTold = PatientsSnapshot | PatientsChanges | Reset | Live | Error | Pong

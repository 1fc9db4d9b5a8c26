"""`/asyncapi.json`, made from the messages of `/ws` and the types that they carry."""

from typing import Any

import msgspec

from domain.capacity.picture import WardPicture
from domain.capacity.totals import Total
from realtime_api import problems
from realtime_api.problems import Close
from realtime_api.push import messages
from realtime_api.push.codecs import CODECS, Ping, Subscribe, Unsubscribe

VERSION = "1"
ASKED = (Subscribe, Unsubscribe, Ping)
TOLD = (
    messages.Snapshot,
    messages.Changes,
    messages.AlertsSnapshot,
    messages.AlertsChanges,
    messages.PatientsSnapshot,
    messages.PatientsChanges,
    messages.Reset,
    messages.Live,
    messages.Error,
    messages.Pong,
)


def document() -> dict[str, Any]:
    """Return the description of `/ws`."""
    kinds = [*ASKED, *TOLD, WardPicture, Total]
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for kind in (WardPicture, Total):
        components[kind.__name__].pop("required", None)  # a view may leave keys out
    del components[WardPicture.__name__]["properties"]["rows"]  # they are asked of the ward's own door
    del components["Row"], components["Source"], components["Split"]
    names = [kind.__name__ for kind in (*ASKED, *TOLD)]
    closes = [close for close in vars(problems).values() if isinstance(close, Close)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "vigilits live channels",
            "version": VERSION,
            "description": (
                "One socket, many channels: `capacity:<region>`, `alerts:<region>` (the desk), `alerts:me` (what one "
                "was told of, or has taken; `alerts:me:<region>` where one has several), `patients:me:<region>:<n>` "
                "(the patients of whose circle one is, on each of the region's followup shards). After `subscribe` "
                "comes a snapshot, or, with a token that can be resumed from, the changes since; then whole new values "
                "by key "
                "(null: gone), the newest only, at most a frame each 40 ms. `live` says that the region's clock goes "
                "on: without it the picture is not live. "
                "Close codes: " + "; ".join(f"{close.code} {close.reason}" for close in closes) + "."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            "ws": {
                "address": "/ws",
                "description": f"Subprotocols {' and '.join(CODECS)}; a cookie or a bearer token; Origin is checked.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
                "bindings": {"ws": {"bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "ask": _operation("receive", ASKED),
            "tell": _operation("send", TOLD),
        },
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in (*ASKED, *TOLD)},
            "schemas": components,
        },
    }


def _operation(action: str, kinds: tuple[type, ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/ws"},
        "messages": [{"$ref": f"#/channels/ws/messages/{kind.__name__}"} for kind in kinds],
    }


def _message(kind: type) -> dict[str, Any]:
    return {
        "name": kind.__struct_config__.tag,  # type: ignore[attr-defined]
        "summary": (kind.__doc__ or "").split("\n")[0],
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }

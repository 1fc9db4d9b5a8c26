"""The small region of `tests.small_region` as the files of a region directory."""

import csv
import json
from pathlib import Path
from typing import Any

from domain.places import BedKind, Region
from tests.small_region import region

# Boxes that hold the small region's places.
BOXES = {"31": (0.4, 42.6, 2.1, 44.0), "81": (1.5, 43.3, 3.0, 44.3)}


def write(directory: Path, what: Region | None = None) -> Path:
    """Return the directory, filled with the region's files."""
    made = what or region()
    directory.mkdir(parents=True, exist_ok=True)
    _yaml(
        directory / "region.yaml",
        {
            "code": made.code,
            "insee": made.insee,
            "name": made.name,
            "kinds_version": made.kinds_version,
            "departements": [{"code": each.code, "name": each.name} for each in made.departements],
            "freshness": {"ordinary_hours": "24"},
            "sources": [{"name": "invented", "licence": "none"}],
        },
    )
    _yaml(directory / "bed_kinds.yaml", {"version": made.kinds_version, "kinds": [_kind(kind) for kind in made.kinds]})
    _csv(
        directory / "facilities.csv",
        ["finess_et", "finess_ej", "name", "commune", "departement", "lat", "lon"],
        [[f.finess_et, f.finess_ej, f.name, f.commune, f.departement, f.lat, f.lon] for f in made.facilities],
    )
    _csv(
        directory / "wards.csv",
        ["id", "facility", "kind", "installed"],
        [[ward.id, ward.facility, ward.kind, ward.installed] for ward in made.wards],
    )
    features = [_feature(each.code, each.name) for each in made.departements]
    (directory / "boundaries.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return directory


def _yaml(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")  # JSON is YAML


def _kind(kind: BedKind) -> dict[str, Any]:
    words = {"fr": kind.label.fr, "en": kind.label.en}
    flags = {name: "true" for name in ("critical", "slow") if getattr(kind, name)}
    return {"code": kind.code, "label": words, "short": words, "nature": kind.nature, **flags}


def _csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def _feature(code: str, name: str) -> dict[str, Any]:
    west, south, east, north = BOXES[code]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "properties": {"code": code, "name": name},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }

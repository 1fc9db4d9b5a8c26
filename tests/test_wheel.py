"""The wheel holds all that vigilits needs where nothing but the wheel is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = (
    *("domain", "event_log", "live_state", "people", "streams", "realtime_api", "config", "launch"),
    "dashboards/dist",
)


def test_the_wheel_holds_every_file_of_the_packages_and_the_web_app(tmp_path: Path) -> None:
    """A script, a matrix or a region that only a checkout has would be missed first where it runs for real."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    ours = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }
    assert {"live_state/commit.lua", "config/regions/occitanie/region.yaml"} <= ours
    assert ours - packed == set()
    assert not any(name.startswith(("tests/", "load_tests/")) for name in packed)

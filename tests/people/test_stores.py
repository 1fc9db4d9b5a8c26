"""The stores that following patients takes: opened when they are needed, and tried again once they were away."""

from pathlib import Path

import pytest

from people.keys import KeysAway, pseudonym
from people.stores import Stores


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    assert list(tmp_path.iterdir()) == []
    stores.links()
    assert [path.name for path in tmp_path.glob("*.sqlite3")] == ["patient-links.sqlite3"]
    assert stores.keys() is stores.keys()
    assert stores.trail() is stores.trail()


def test_a_store_that_is_away_at_first_is_there_once_it_is_back(tmp_path: Path) -> None:
    home, masters = tmp_path / "home", tmp_path / "elsewhere" / "masters.json"
    made = Stores(home, str(tmp_path / "masters.json")).keys().create(pseudonym())
    (home / "keys.sqlite3").rename(tmp_path / "keys.sqlite3")
    masters.parent.mkdir()
    (home / "keys.sqlite3").mkdir()  # as where a volume is not mounted
    stores = Stores(home, str(masters))
    with pytest.raises(KeysAway):
        stores.look_many([made])
    (home / "keys.sqlite3").rmdir()
    (tmp_path / "keys.sqlite3").rename(home / "keys.sqlite3")
    with pytest.raises(KeysAway):
        stores.look_many([made])  # its master key is elsewhere still
    (tmp_path / "masters.json").rename(masters)
    assert stores.look_many([made])[made].id == made

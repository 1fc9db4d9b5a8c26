"""The SMS gateway's file: read whole, every mistake told, nothing of what is in it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.sms_gateway import MOST_BYTES, WrongGateway, read

GOOD = """
url: https://sms.example.fr/v1/messages
headers:
  Authorization: Bearer canary-secret
body:
  recipients: ["{to}"]
  content: "{text}"
  client_ref: "{reference}"
receipt: messages.0.id
"""


def wrong(path: Path, content: str | bytes) -> list[str]:
    """Return what is wrong with a file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(WrongGateway) as found:
        read(str(path))
    assert "canary" not in str(found.value)
    return found.value.found


def test_a_gateway_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GOOD)
    gateway = read(str(tmp_path / "gateway.yaml"))
    assert (gateway.method, gateway.sort, gateway.receipt) == ("POST", "json", "messages.0.id")
    assert gateway.body["recipients"] == ["{to}"]
    assert 429 in gateway.again


def test_the_example_of_the_docs_is_read(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "channels.md").read_text()
    (tmp_path / "gateway.yaml").write_text(docs.partition("```yaml\n")[2].partition("```")[0])
    gateway = read(str(tmp_path / "gateway.yaml"))
    assert gateway.says_accepted == ("queued", "sent")
    assert gateway.body["client_ref"] == "{reference}"


def test_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text('{"url": "https://x.fr", "sort": "form", "body": {"n": "{to}", "t": "{text}"}}')
    assert read(str(tmp_path / "g.json")).sort == "form"


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    assert wrong(tmp_path / "g", "url: ftp://canary\nbody: {x: '{when}'}\naccepted: [500]\nsays: canary") == [
        "url must begin with https:// or http://",
        "body has no {to}",
        "body has no {text}",
        "body has {when}, which nothing is put in for",
        "a status is accepted or tried again, not both",
        "says without says_accepted: no message would ever be taken as accepted",
    ]


def test_a_form_holds_texts_alone(tmp_path: Path) -> None:
    assert wrong(tmp_path / "g", "url: https://x.fr\nsort: form\nbody: {a: ['{to}'], b: '{text}'}") == [
        "a form's body holds texts alone"
    ]


def test_an_unknown_field_is_a_mistake(tmp_path: Path) -> None:
    assert wrong(tmp_path / "g", GOOD + "retries: 3\n") == ["Object contains unknown field `retries`"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a: [canary", "line 1: this is no YAML"),
        (b"\xff\xfe\xff", "the file is not UTF-8"),
        (b"x" * (MOST_BYTES + 1), "the file is larger than 64 KiB"),
    ],
)
def test_what_can_t_be_read_says_why(tmp_path: Path, content: str | bytes, why: str) -> None:
    assert wrong(tmp_path / "g", content) == [why]


@pytest.mark.parametrize("path", ["/dev/zero", "/nowhere/at/all", "\0"])
def test_what_is_no_file_is_told(path: str) -> None:
    with pytest.raises(WrongGateway, match="there is no such file"):
        read(path)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_mistake(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("gateway") / "g"
    path.write_bytes(content)
    with pytest.raises(WrongGateway):
        read(str(path))

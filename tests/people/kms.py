"""A KMS as an operator's command speaks to it: a real second process, its master keys in a directory of its own.

    python kms.py DIRECTORY renew|wrap|unwrap|retire

It writes down each question's name, so that a test can count them; a file `mood` there makes it fail in that way.
"""

import base64
import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def main(directory: Path, what: str) -> None:
    """Answer one question."""
    mood = (directory / "mood").read_text() if (directory / "mood").exists() else ""
    if mood == "silent":
        time.sleep(60)
    if mood == f"held at {what}":
        (directory / "gate").read_text()  # a FIFO: until a test opens its other end, and closes it
    if mood == "broken":
        print("canary: this is no JSON")
        return
    if mood == "away":
        print("canary", file=sys.stderr)
        sys.exit(3)
    told = json.load(sys.stdin)
    with (directory / "asked").open("a") as asked:
        asked.write(f"{what}\n")
    answer = ANSWERS[what](directory, told)
    if mood == "short":
        answer = {name: value[:-1] for name, value in answer.items()}
    print(json.dumps(answer))


def master(directory: Path, name: str) -> AESGCM:
    """Return a master key; one that is retired is no file."""
    return AESGCM((directory / f"{name}.master").read_bytes())


def renew(directory: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Make a master."""
    name = secrets.token_hex(4)
    (directory / f"{name}.master").write_bytes(secrets.token_bytes(32))
    return {"master": name}


def wrap(directory: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Wrap keys."""
    box, wrapped = master(directory, told["master"]), []
    for item in told["keys"]:
        nonce = secrets.token_bytes(12)
        wrapped.append(nonce + box.encrypt(nonce, base64.b64decode(item["key"]), item["about"].encode()))
    return {"wrapped": [base64.b64encode(one).decode() for one in wrapped]}


def unwrap(directory: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Unwrap keys."""
    opened = []
    for item in told["keys"]:
        content = base64.b64decode(item["wrapped"])
        opened.append(master(directory, item["master"]).decrypt(content[:12], content[12:], item["about"].encode()))
    return {"keys": [base64.b64encode(one).decode() for one in opened]}


def retire(directory: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Forget a master."""
    (directory / f"{told['master']}.master").unlink(missing_ok=True)
    return {}


ANSWERS = {"renew": renew, "wrap": wrap, "unwrap": unwrap, "retire": retire}

if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

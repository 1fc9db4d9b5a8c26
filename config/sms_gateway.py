"""The file that SMS_GATEWAY names: read and checked as a whole, told of without what is in it, which may be secret."""

from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from domain.alerts.gateway import Gateway, mistakes

MOST_BYTES = 64 * 1024


class WrongGateway(Exception):
    """A description by which no gateway can be spoken to: everything that is wrong with it."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found))
        self.found = found


def read(path: str) -> Gateway:
    """Return the gateway that a YAML or JSON file describes; raise WrongGateway with all that is wrong with it."""
    try:
        if not Path(path).is_file():
            raise WrongGateway(["there is no such file"])
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as why:
        raise WrongGateway([f"the file can't be read: {why.strerror}"]) from None
    except ValueError:
        raise WrongGateway(["there is no such file"]) from None
    if len(content) > MOST_BYTES:
        raise WrongGateway([f"the file is larger than {MOST_BYTES // 1024} KiB"])
    try:
        gateway = msgspec.convert(_plain(content.decode()), Gateway)
    except UnicodeDecodeError:
        raise WrongGateway(["the file is not UTF-8"]) from None
    except MarkedYAMLError as why:
        line = f"line {why.problem_mark.line + 1}: " if why.problem_mark else ""
        raise WrongGateway([f"{line}this is no YAML"]) from None
    except (YAMLError, RecursionError):
        raise WrongGateway(["this is no YAML"]) from None
    except msgspec.ValidationError as why:
        raise WrongGateway([str(why)]) from None
    found = mistakes(gateway)
    if found:
        raise WrongGateway(found)
    return gateway


def _plain(content: str) -> Any:
    return YAML(typ="safe", pure=True).load(content)

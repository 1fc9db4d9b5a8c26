"""Many WebSocket clients in one light process: sockets, epoll, and as little Python as reading takes."""

import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence

ROOM = 1 << 20  # read at once
ANSWERS_WITHIN_S = 20.0
BINARY, PONG = 0x82, 0x8A

OnData = Callable[[int, memoryview], None]


def masked(payload: bytes, first: int = BINARY) -> bytes:
    """Return a client's frame; the mask is zero, so that the payload stays as it is."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((first,)) + length + bytes(4) + payload


def upgrade(path: str, headers: Sequence[str] = ()) -> bytes:
    """Return the request that opens a WebSocket."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Crowd:
    """So many open WebSockets to one address, and a loop that reads whatever comes."""

    def __init__(
        self, host: str, port: int, count: int, request: bytes, then: bytes = b"", *, at_least: int = 1
    ) -> None:
        """`at_least`: so many bytes must have come before any are read; fewer lie in the socket until then."""
        self._poll = select.epoll()
        self._sockets: dict[int, tuple[int, socket.socket]] = {}
        self._view = memoryview(bytearray(ROOM))
        self._number: dict[int, int] = {}
        self.early: list[bytes] = []  # what came in the same packet as the answer to the request
        for place in range(count):
            opened = socket.create_connection((host, port), timeout=ANSWERS_WITHIN_S)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                more = opened.recv(4096)
                if not more:
                    raise ConnectionError(f"socket {place} was refused: {answer[:200]!r}")
                answer += more
            head, _, rest = answer.partition(b"\r\n\r\n")
            if b" 101 " not in head.partition(b"\r\n")[0]:
                raise ConnectionError(f"socket {place} was refused: {head[:200]!r}")
            self.early.append(rest)
            if then:
                opened.sendall(then)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, at_least)
            opened.setblocking(False)
            self._sockets[opened.fileno()] = (place, opened)
            self._number[place] = opened.fileno()
            self._poll.register(opened, select.EPOLLIN)

    def __len__(self) -> int:
        """Return how many are still open."""
        return len(self._sockets)

    def pong(self, place: int, payload: bytes) -> None:
        """Answer a server's ping, without which it believes that we are gone."""
        held = self._sockets.get(self._number[place])
        if held is not None:
            held[1].send(masked(payload, PONG))  # a few bytes: there is room for them

    def read_once(self, wait_s: float, on_data: OnData) -> None:
        """Hand over what has come, after waiting a while for something."""
        for number, _ in self._poll.poll(wait_s, len(self._sockets) or 1):
            place, one = self._sockets[number]
            try:
                size = one.recv_into(self._view)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                size = 0
            if size == 0:
                self._poll.unregister(number)
                del self._sockets[number]
                one.close()
            else:
                on_data(place, self._view[:size])

    def read_for(self, seconds: float, on_data: OnData) -> None:
        """Hand over what comes in this time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read_once(left, on_data)

    def close(self) -> None:
        """Close all."""
        for _, one in self._sockets.values():
            one.close()
        self._poll.close()


class Frames:
    """The frames of one server-side stream, cut out of what arrives; servers' frames are not masked."""

    __slots__ = ("_held",)

    def __init__(self, early: bytes = b"") -> None:
        self._held = bytearray(early)

    def feed(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """Yield the opcode and the payload of every whole frame; a payload is valid until the next one."""
        if self._held:
            self._held += data
            whole = memoryview(bytes(self._held))
        else:
            whole = data
        place, size = 0, len(whole)
        while size - place >= 2:
            length, head = whole[place + 1] & 0x7F, 2
            if length == 126:
                head = 4
            elif length == 127:
                head = 10
            if size - place < head:
                break
            if head > 2:
                length = int.from_bytes(whole[place + 2 : place + head], "big")
            end = place + head + length
            if end > size:
                break
            yield whole[place] & 0x0F, whole[place + head : end]
            place = end
        self._held = bytearray(whole[place:])

"""Evaluate the loss of a model in this process, for a program sgdwalk that connects to it."""

from __future__ import annotations

import glob
import hmac
import json
import os
import secrets
import selectors
import shutil
import socket
import tempfile
import time
from stat import S_ISSOCK
from typing import Any, Callable

from .conversation import Conversation
from .errors import SgdwalkError

_LONGEST_PATH = 100  # bytes of the path of a Unix socket; systems allow 104 or 108
_LONGEST_LINE = 16 << 20
_DEAD_AFTER = 60  # seconds


class Listener:
    """A socket on which this process answers the requests of sgdwalk.

    It is a Unix socket in a private directory. On Windows, or with tcp=True, it is a TCP port of
    the loopback address, and only connections that send the token are answered. converse() makes
    the conversation of a new connection.

    Nothing happens outside of answer(), so all requests are answered in the thread that calls
    it, one after the other.
    """

    def __init__(self, converse: Callable[[], Conversation], tcp: bool = os.name == "nt"):
        self._converse = converse
        self._directory, self._token = "", ""
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        if tcp:
            self._token = secrets.token_hex(16)
            self._socket = socket.create_server(("127.0.0.1", 0))
            self.address = f"tcp:127.0.0.1:{self._socket.getsockname()[1]}/{self._token}"
        else:
            self._directory = _short_directory()
            path = os.path.join(self._directory, "s")
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.bind(path)
                self._socket.listen()
            except OSError as e:
                self.close()
                raise SgdwalkError(f"a socket cannot be made at {path}: {e}") from None
            self.address = f"unix:{path}"
        self._socket.setblocking(False)
        self._selector.register(self._socket, selectors.EVENT_READ)

    def answer(self, timeout: float) -> None:
        """Answer the requests that are there. Wait for the first one, for at most timeout seconds."""
        for key, _ in self._selector.select(timeout):
            if key.fileobj is self._socket:
                self._accept()
            elif not key.data.answer():
                self._selector.unregister(key.fileobj)
                self._connections.discard(key.data)
                key.data.close()

    def _accept(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except OSError:
            return  # the peer has gone already
        peer.setblocking(True)
        connection = Connection(peer, self._converse, self._token)
        self._connections.add(connection)
        self._selector.register(peer, selectors.EVENT_READ, connection)

    def close(self) -> None:
        """Close all connections, and remove the socket."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._selector.close()
        self._socket.close()
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)


class Connection:
    """One connection of sgdwalk."""

    def __init__(self, peer: socket.socket, converse: Callable[[], Conversation], token: str):
        self._socket, self._converse, self._token = peer, converse, token
        self._conversation: Conversation | None = None  # after the first line
        self._received = bytearray()

    def answer(self) -> bool:
        """Answer the lines that have arrived. Return False when the connection has ended or is refused."""
        try:
            new = self._socket.recv(1 << 16)
            if not new or len(self._received) > _LONGEST_LINE:
                return False
            self._received += new
            while b"\n" in new:
                line, _, self._received = self._received.partition(b"\n")
                new = self._received
                reply = self._reply(json.loads(line))
                if reply is None:
                    return False
                self._socket.sendall(json.dumps(reply).encode() + b"\n")
        except (OSError, ValueError):
            return False  # sgdwalk has gone, or the peer is another program
        return True

    def _reply(self, line: Any) -> dict[str, Any] | None:
        """Return the answer to a line; None refuses the peer."""
        if self._conversation is not None:
            return self._conversation.answer(line)
        if not isinstance(line, dict) or not hmac.compare_digest(str(line.get("token", "")), self._token):
            return None
        self._conversation = self._converse()
        return self._conversation.begin(line)

    def close(self) -> None:
        """Close the connection, also for processes that were forked from this one."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer has closed it
        self._socket.close()


def _short_directory() -> str:
    """Make a private directory whose path is short enough for a Unix socket."""
    problem: object = "every path is too long"
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        try:
            if len(os.fsencode(parent)) + len("/sgdwalk-12345678/s") <= _LONGEST_PATH:
                _remove_dead(parent)
                return tempfile.mkdtemp(prefix="sgdwalk-", dir=parent)
        except OSError as e:
            problem = e
    raise SgdwalkError(f"a directory for a socket cannot be made: {problem}; set TMPDIR to a short path")


def _remove_dead(parent: str) -> None:
    """Remove the sockets of this user's processes that were killed."""
    for directory in glob.glob(os.path.join(glob.escape(parent), "sgdwalk-????????")):
        path = os.path.join(directory, "s")
        try:
            stat = os.lstat(path)
            is_old = time.time() - stat.st_mtime > _DEAD_AFTER  # a new one may not listen yet
            if not S_ISSOCK(stat.st_mode) or stat.st_uid != os.getuid() or not is_old:
                continue
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(path)
        except ConnectionRefusedError:
            shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            pass  # it is not a socket that can be reached; leave it

"""Run an app on a socket until a signal ends it in good order.

listener = bind("127.0.0.1", 8080)
serve(app, listener)
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from gan.ending import STOPPING
from gan.errors import FileError

DRAIN_SECONDS = 60

READ_ON_SECONDS = 0.25
"""After the signal; what clients had sent by then may not have been read yet."""

BACKLOG = 2048

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def bind(host: str, port: int) -> socket.socket:
    """A socket of its own at an address, which does not listen yet; port 0 is any that is free.

    Raises:
        FileError: the host is no address of this machine, or the port cannot be had.
    """
    listener = None
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:
        if listener is not None:
            listener.close()
        reason = getattr(error, "strerror", None) or "no host has such a name"
        raise FileError(
            f"{host} port {port} cannot be served ({reason}); expected an address of this machine and a free port: "
            "name others with --host and -p"
        ) from error
    return listener


def listen(listener: socket.socket) -> None:
    """Let clients in.

    Raises:
        FileError: another process was quicker.
    """
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise FileError(f"{url(listener)} cannot be served ({error.strerror}); name another port with -p") from error


def url(listener: socket.socket) -> str:
    """Where a socket is found, such as `http://127.0.0.1:8080`."""
    return f"http://{_address(listener)}:{listener.getsockname()[1]}"


def host_names(listener: socket.socket, allowed: Sequence[str]) -> list[str] | None:
    """What requests at a socket may call the server in their Host header; None: anything.

    A page of another site cannot read from this server, unless its own name leads to this machine (DNS rebinding). So
    at a loopback address the server goes by local names alone, and elsewhere by any until one is allowed.
    """
    if not allowed and not ip_address(listener.getsockname()[0]).is_loopback:
        return None
    return list(dict.fromkeys([*LOCAL_NAMES, _address(listener), *allowed]))


def _address(listener: socket.socket) -> str:
    """As it is in a URL: IPv6 is in brackets."""
    host = str(listener.getsockname()[0])
    return f"[{host}]" if ":" in host else host


class _Server(uvicorn.Server):
    """Reads on for a moment after the signal; each connection is closed after its next answer."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await asyncio.sleep(READ_ON_SECONDS)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.force_exit:  # What is cancelled then says so by a traceback.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Answer requests until a signal to end; then those that have come in are still answered.

    Raises:
        KeyboardInterrupt: a second SIGINT did not wait for them.
    """
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="error",  # Clients' mistakes are answered, not logged.
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    for number in STOPPING:
        if number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # uvicorn hears it, and raises it again for who did so before.
        elif signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, server.handle_exit)
    server.run(sockets=[listener])
    if server.force_exit:
        raise KeyboardInterrupt("interrupted; some requests were not answered")

"""How requests travel: over the network, straight to this machine, or to the simulator inside the process.

Each way has an `httpx.AsyncClient` of its own. Only the one for the network reads proxies and certificates
from the environment, so that nothing there can break a request that stays on this machine.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from urllib.request import getproxies

import httpx

from kimi_magic import bridge, errors, simulator
from kimi_magic.client.connection import KEEP_ALIVE, MOST_CONNECTIONS, Connection
from kimi_magic.keys import Key

CONNECT_TIMEOUT = 10.0  # s until a connection stands
SILENCE_TIMEOUT = 180.0  # s between two pieces of an answer; a thinking model may be quiet for minutes
# Through a proxy the pool of httpx serves, which looks through all its connections for each request
# (encode/httpx#3215): many at once are spread over small pools, and one at a time always has the first, with
# its open connection.
POOL_SIZE = 4  # connections of one client
_TIMEOUT = httpx.Timeout(SILENCE_TIMEOUT, connect=CONNECT_TIMEOUT)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # the variables that httpx reads
_NO_PROXY = ("NO_PROXY", "no_proxy")
_PROXY_SCHEMES = ("http://", "https://", "socks5://", "socks5h://")  # that httpx knows


class _QuietInCells(logging.Filter):
    """Drops what httpx and httpcore log about requests of ours, unless somebody gave one of them a level.

    In a notebook it would stand in the saved output of each cell, a line at INFO and dozens at DEBUG, as soon
    as any library sets the level of the root.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.threadName != bridge.IO_THREAD_NAME or record.levelno > logging.INFO:
            return True
        family = record.name.partition(".")[0]
        return any(logging.getLogger(name).level for name in (record.name, family))


# A filter does not hold for the loggers below: these are all that log.
for _name in ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks"))):
    logging.getLogger(_name).addFilter(_QuietInCells())


class Bearer(httpx.Auth):
    """Writes the key into a request when it leaves, so that no variable of ours holds the header.

    It is also what keeps `httpx` from looking for a password elsewhere where there is no key.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header.

        Raises:
            KimiUsageError: Whoever is on the way could read it, and the person has not allowed that.
        """
        self._connection.check_exposure()
        if self._connection.key:
            request.headers["Authorization"] = f"Bearer {self._connection.key.reveal()}"
        for name, value in self._connection.headers:
            request.headers[name] = value.reveal() if isinstance(value, Key) else value
        yield request


class _NoCookies(httpx.Cookies):
    """Keeps nothing: a service knows who asks by the key, and each request stands alone."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them in the response."""


class _Client(httpx.AsyncClient):
    """A client that keeps no cookies, for which httpx takes a fifth of the time of a request."""

    @property
    def cookies(self) -> httpx.Cookies:
        """None."""
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, _: object) -> None:
        """Nothing sets them."""


_NO_COOKIES = _NoCookies()


class _Pool:
    """A client with connections of its own, and how many requests it has on their way."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.in_flight = 0


class Transports:
    """The `httpx` clients, each made when it is first used."""

    def __init__(self, makers: Mapping[str, Callable[[], httpx.AsyncBaseTransport]]) -> None:
        """`makers` make transports of the caller's own, by way: network, loopback or simulator."""
        self._makers = {"simulator": simulator.SimulatorTransport, **makers}
        self._pools: dict[str, list[_Pool]] = {}
        self._certificates: ssl.SSLContext | None = None
        self._has_proxy: bool | None = None  # as the environment says when the first client is made

    def open(self, connection: Connection) -> None:
        """Make the first client for `connection`. That takes some 50 ms for the network, most of it for TLS.

        Raises:
            KimiConnectionError: The environment names a proxy or certificates that cannot be used.
            KimiUsageError: A recording cannot be read.
        """
        self._pool(connection)

    @contextlib.contextmanager
    def client(self, connection: Connection) -> Iterator[httpx.AsyncClient]:
        """A client for one request over `connection`, which is counted as on its way until the block ends.

        Raises:
            KimiConnectionError: The environment names a proxy or certificates that cannot be used.
        """
        pool = self._pool(connection)
        pool.in_flight += 1
        try:
            yield pool.client
        finally:
            pool.in_flight -= 1

    async def aclose(self) -> None:
        """Close all connections. A client that is used again is made anew."""
        pools = [pool for pools in self._pools.values() for pool in pools]
        self._pools.clear()
        self._has_proxy = None
        for pool in pools:
            await pool.client.aclose()

    def _pool(self, connection: Connection) -> _Pool:
        """The first pool with a connection to spare; a new one if there is none."""
        way = _way(connection)
        if way == "network" and way not in self._makers:
            if self._has_proxy is None:
                self._has_proxy = _is_proxy_set()
            way = "proxy" if self._has_proxy else way
        pools = self._pools.setdefault(way, [])
        most = MOST_CONNECTIONS // POOL_SIZE if way == "proxy" else 1
        for pool in pools:
            if pool.in_flight < POOL_SIZE or most == 1:
                return pool
        if len(pools) >= most:
            return min(pools, key=lambda pool: pool.in_flight)
        pools.append(_Pool(self._replaying(connection) if connection.is_recorded else self._make(way)))
        return pools[-1]

    @staticmethod
    def _replaying(connection: Connection) -> httpx.AsyncClient:
        from kimi_magic.client.recordings import Recording

        return _client(simulator.SimulatorTransport(Recording(connection.recording)))

    def _make(self, way: str) -> httpx.AsyncClient:
        if make := self._makers.get(way):
            return _client(make())
        if not bridge.HAS_THREADS:
            raise errors.KimiConnectionError(
                "this Python runs in a browser, where it has no connections of its own; nothing was sent",
                hint="The simulator answers here: {@offline}.",
            )
        from kimi_magic.client.direct import DirectTransport  # httptools is not there in a browser

        if way == "loopback":  # over plain http, so there is no certificate to verify
            return _client(DirectTransport())
        try:
            self._certificates = certificates = self._certificates or httpx.create_ssl_context()
            if way != "proxy":
                return _client(DirectTransport(certificates))
            limits = httpx.Limits(max_connections=POOL_SIZE, keepalive_expiry=KEEP_ALIVE)
            return _Client(verify=certificates, timeout=_TIMEOUT, limits=limits)
        except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
            raise _environment_error(error) from None


def _way(connection: Connection) -> str:
    if connection.is_simulated:
        return "simulator"
    if connection.is_recorded:
        return f"recording {connection.recording}"
    if not connection.is_loopback:
        return "network"
    return "loopback with TLS" if connection.base_url.startswith("https") else "loopback"


def _is_proxy_set() -> bool:
    """Whether the environment, or the system where it has such settings, names a proxy."""
    proxies = getproxies()
    return any(proxies.get(scheme) for scheme in ("http", "https", "all"))


def _client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """A client that reads nothing from the environment; whoever gives `httpx` a transport asks no proxy."""
    return _Client(transport=transport, timeout=_TIMEOUT, trust_env=False)


def _environment_error(error: Exception) -> errors.KimiConnectionError:
    """Why no client could be made, by the variable that is to blame."""
    if isinstance(error, OSError):  # ssl.SSLError is one
        name = next((name for name in _CERTIFICATES if os.environ.get(name)), "the certificates")
        value = os.environ.get(name, "")
        reason = (
            "no certificates are in it" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
        )
        return errors.KimiConnectionError(
            f"{name} {value!r} cannot be used: {reason}",
            hint=f"Set {name} to a file with certificates (PEM), or unset it; {{@offline}} needs none.",
        )
    if isinstance(error, httpx.InvalidURL) and (name := next(filter(os.environ.get, _NO_PROXY), "")):
        return errors.KimiConnectionError(
            f"{name} has an entry that httpx cannot read ({error})",
            hint=f"Write hosts, domains or single addresses into {name}, without ranges of IPv6 addresses.",
        )
    if isinstance(error, ImportError):
        return errors.KimiConnectionError(
            f"{_proxy_variable(lambda value: value.startswith('socks'))} names a SOCKS proxy, "
            "for which httpx needs the package socksio",
            hint="Install it with pip install 'httpx[socks]' and restart, or unset the variable.",
        )
    name = _proxy_variable(lambda value: not value.startswith(_PROXY_SCHEMES))
    return errors.KimiConnectionError(
        f"{name} cannot be used as a proxy: {errors.one_line(str(error))}",
        hint=f"Set {name} to an address such as http://proxy.example:3128, or unset it.",
    )


def _proxy_variable(is_meant: Callable[[str], bool]) -> str:
    """The variable whose proxy `is_meant`."""
    for scheme in ("all", "https", "http"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            if (value := os.environ.get(name)) and is_meant(value):
                return name
    return "the system's proxy setting"

"""Who may speak on a socket: CURVE with fresh keys, and a guard that admits the holders of one key."""

from __future__ import annotations

import secrets
from typing import NamedTuple

import zmq
from zmq.auth.thread import ThreadAuthenticator


class KeyPair(NamedTuple):
    """A CURVE key pair in Z85."""

    public: bytes
    secret: bytes

    @classmethod
    def fresh(cls) -> KeyPair:
        """Return a new pair."""
        return cls(*zmq.curve_keypair())


class Guard:
    """Admits the holders of one client key to the CURVE servers of a context, and nobody else.

    Parameters
    ----------
    context
        The ZeroMQ context whose CURVE servers are guarded, from now until `close`.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.server, self.client = KeyPair.fresh(), KeyPair.fresh()
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(domain="*", credentials_provider=self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Return whether ``key`` (Z85) may enter; ZeroMQ asks."""
        return secrets.compare_digest(key, self.client.public)

    def secure(self, socket: zmq.Socket[bytes]) -> None:
        """Make ``socket`` a CURVE server; before it is bound."""
        socket.curve_secretkey = self.server.secret
        socket.curve_publickey = self.server.public
        socket.curve_server = True

    def close(self) -> None:
        """Stop watching; nobody is admitted any more."""
        self._authenticator.stop()

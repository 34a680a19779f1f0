"""A real SFTP server in a thread, serving one folder of this machine to one user."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

USER, PASSWORD = "buyer", "open sesame"


@dataclass
class Server:
    """A running server: the files that were opened, and the user names that were tried."""

    port: int
    host_key: paramiko.PKey
    folder: Path
    opened: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"sftp://127.0.0.1:{self.port}/"

    @property
    def known_as(self) -> str:
        """The server's public key as it stands in known_hosts."""
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"


class _Door(paramiko.ServerInterface):
    def __init__(self, server: Server, client_key: paramiko.PKey | None) -> None:
        self.server, self.client_key = server, client_key

    def check_channel_request(self, kind, chanid):  # noqa: ARG002 - Paramiko's signature
        return paramiko.OPEN_SUCCEEDED

    def check_auth_password(self, username, password):
        self.server.tried.append(username)
        is_right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        self.server.tried.append(username)
        is_right = username == USER and key == self.client_key
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):  # noqa: ARG002 - Paramiko's signature
        return "password,publickey"


class _Folder(paramiko.SFTPServerInterface):
    """The files of the folder, only to be read."""

    def __init__(self, door, *args, **kwargs):
        super().__init__(door, *args, **kwargs)
        self.served = door.server

    def _file(self, path):
        return self.served.folder / path.lstrip("/")

    def list_folder(self, path):
        return [
            paramiko.SFTPAttributes.from_stat(file.lstat(), file.name)
            for file in self._file(path).iterdir()
        ]

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(self._file(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path, flags, attr):  # noqa: ARG002 - Paramiko's signature
        self.served.opened.append(path.rsplit("/", 1)[-1])
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = self._file(path).open("rb")
        return handle


@contextmanager
def sftp_server(folder: Path, *, client_key: paramiko.PKey | None = None):
    """Serve a folder until the test is over; gives the `Server`."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1], paramiko.ECDSAKey.generate(), folder)
    transports: list[paramiko.Transport] = []

    def serve():
        while True:
            try:
                line, _address = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(line)
            transports.append(transport)
            transport.add_server_key(server.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder)
            try:
                transport.start_server(event=threading.Event(), server=_Door(server, client_key))
            except (paramiko.SSHException, EOFError):
                transport.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        # Closing alone does not wake somebody who waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join(timeout=10)

"""
A real server process for tests: twistd on free loopback ports, with its log, its HTTP face and its recordings.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from random import sample
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 60.0


# Below the system's ephemeral ports: a port that a server had must still be free when it is started again.
SERVER_PORTS = range(10000, 20000)


def free_port() -> int:
    """
    A port that is free for TCP and UDP alike just now.
    """
    for port in sample(SERVER_PORTS, 100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free for TCP and UDP")


class RunningServer:
    """
    One C{twistd -n siprec}; C{start} returns when it is ready.
    """

    def __init__(self, directory: Path, media_ports: str = "20000-23999", **sections: dict[str, Any]) -> None:
        self.directory = directory
        self.recordings = directory / "recordings"
        self.sip_port = free_port()
        self.admin_port = free_port()
        self.log_path = directory / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        config: dict[str, dict[str, Any]] = {
            "sip": {"listen": [f"udp://127.0.0.1:{self.sip_port}", f"tcp://127.0.0.1:{self.sip_port}"]},
            "media": {"ports": media_ports},
            "recording": {"directory": str(self.recordings), "min_free": "1MiB"},
            "admin": {"listen": f"127.0.0.1:{self.admin_port}"},
        }
        for name, keys in sections.items():
            config.setdefault(name, {}).update(keys)
        self.config_path = directory / "siprec.yaml"
        self.config_path.write_text(yaml.safe_dump(config))

    def start(self) -> None:
        """
        Start the process and wait until it is ready; its log says why where it is not.
        """
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "siprec",
                    "--config", str(self.config_path),
                ],
                cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                status, _ = self.get("/health/ready")
            except OSError:
                status = 0
            if status == 200:
                return
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the server did not become ready:\n{self.log()}")

    def get(self, path: str) -> tuple[int, bytes]:
        """
        GET over HTTP: status and body.
        """
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def json(self, path: str) -> Any:
        """
        The JSON of a GET that answers 200.
        """
        status, body = self.get(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def calls(self) -> list[dict[str, Any]]:
        """
        The running calls.
        """
        found: list[dict[str, Any]] = self.json("/api/v1/calls")["calls"]
        return found

    def metric(self, name: str) -> float:
        """
        The sum of a metric over its labels.
        """
        lines = self.get("/metrics")[1].decode().splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name]
        assert values, f"no metric {name}"
        return sum(values)

    def manifests(self) -> list[dict[str, Any]]:
        """
        Every finished recording's manifest, with its directory under the key C{directory}.
        """
        return [
            {**json.loads(path.read_text()), "directory": path.parent}
            for path in sorted(self.recordings.glob("[0-9]*/*/*/*/recording.json"))
        ]

    def open_udp_sockets(self) -> int:
        """
        How many UDP sockets the server has: one listens for SIP, the rest belong to calls.
        """
        inodes = set()
        for process in self.processes():
            for descriptor in Path(f"/proc/{process}/fd").iterdir():
                with suppress(FileNotFoundError):       # closed while we look
                    inodes.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
        rows = Path("/proc/net/udp").read_text().splitlines()[1:]
        return sum(row.split()[9] in inodes for row in rows)

    def workers(self) -> list[int]:
        """
        The processes of its media workers.
        """
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [
            int(child) for child in children
            if b"siprec_tw.media.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]

    def processes(self) -> list[int]:
        """
        The server's own process and its media workers.
        """
        assert self.process is not None
        return [self.process.pid, *self.workers()]

    def resident_memory(self) -> int:
        """
        Octets of memory that the server holds.
        """
        pages = sum(int(Path(f"/proc/{process}/statm").read_text().split()[1]) for process in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def wait(self, what: str, condition: Any, seconds: float = 20.0) -> None:
        """
        Poll until the condition holds, or fail saying what was awaited.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for: {what}\n{self.log()[-3000:]}"
            time.sleep(0.05)

    def log(self) -> str:
        """
        The server's log so far.
        """
        return self.log_path.read_text(errors="replace")

    def errors(self) -> list[str]:
        """
        Lines of the log that no healthy run has.
        """
        return [
            line for line in self.log().splitlines()
            if "Traceback" in line or "Unhandled" in line or line[24:].lstrip().startswith(("error ", "critical "))
        ]

    def kill(self) -> None:
        """
        SIGKILL, and reap.
        """
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """
        SIGTERM; its exit status.
        """
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

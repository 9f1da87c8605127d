#!/usr/bin/python3
"""Compares seedbed-range with nginx (sendfile on): same files, same load generator, one run.

Each round measures both servers, one right after the other; the medians of the rounds are printed. CPU
is that of the server's processes, user and system, from /proc.
"""

import argparse
import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

from processes import cpu, free_port

FILE = 64 << 20
# name, length of a range (0: the whole file), connections
LOADS = [
    ("1 KiB ranges", 1 << 10, 32),
    ("64 KiB ranges", 64 << 10, 32),
    ("1 MiB ranges", 1 << 20, 32),
    ("64 MiB file", 0, 4),
]
HERE = pathlib.Path(__file__).parent

NGINX = """
worker_processes auto;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
    sendfile on;
    tcp_nopush on;
    access_log off;
    keepalive_requests 1000000000;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextlib.contextmanager
def server(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(port):
    deadline = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def load(port, size, connections, seconds, check=False):
    """Requests and bytes per second and p99 in ms."""
    env = {**os.environ, "SIZE": str(size), "LENGTH": str(FILE)}
    if check:
        env["CHECK"] = "1"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", HERE / "range.lua"]
    out = subprocess.run([*command, f"http://127.0.0.1:{port}/file.mp4"], env=env, check=True, text=True,
                         capture_output=True).stdout
    line = next(line for line in out.splitlines() if line.startswith("RESULT"))
    requests, received, micros, p99, failed = (int(word) for word in line.split()[1:])
    if failed:
        raise SystemExit(f"{failed} of {requests} requests failed:\n{out}")
    return {"rate": requests / micros * 1e6, "GiB/s": received / (1 << 30) / micros * 1e6,
            "p99": p99 / 1000, "GiB": received / (1 << 30)}


def measure(server, size, connections, seconds):
    port, pid = server
    before = cpu(pid)
    result = load(port, size, connections, seconds)
    result["cpu"] = (cpu(pid) - before) / result["GiB"]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="+", help="seedbed-range; several builds of it are compared")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        directory = pathlib.Path(scratch)
        # nginx's workers run as another user.
        directory.chmod(0o755)
        root = directory / "root"
        root.mkdir()
        (root / "file.mp4").write_bytes(os.urandom(FILE))
        servers = {}
        config = directory / "nginx.conf"
        port = free_port()
        config.write_text(NGINX.format(dir=directory, root=root, port=port))
        process = stack.enter_context(server(["/usr/sbin/nginx", "-c", str(config), "-e", f"{directory}/error.log"]))
        servers["nginx"] = (port, process.pid)
        for binary in args.binary:
            port = free_port()
            command = [binary, "--root", str(root), "--listen", f"127.0.0.1:{port}"]
            servers[binary] = (port, stack.enter_context(server(command)).pid)
        for port, _ in servers.values():
            wait_for(port)
        for name, size, connections in LOADS:
            results = {key: [] for key in servers}
            for port, _ in servers.values():
                load(port, size, connections, 1, check=True)
            for _ in range(args.rounds):
                for key, target in servers.items():
                    results[key].append(measure(target, size, connections, args.seconds))
            print(f"{name}, {connections} connections")
            medians = {key: {field: statistics.median(row[field] for row in rows) for field in rows[0]}
                       for key, rows in results.items()}
            for key, row in medians.items():
                print(f"  {pathlib.Path(key).name:14} {row['rate']:9.0f} requests/s {row['GiB/s']:7.2f} GiB/s"
                      f"  p99 {row['p99']:7.2f} ms  {row['cpu']:6.3f} CPU s/GiB"
                      f"  {row['rate'] / medians['nginx']['rate']:5.2f} x nginx", flush=True)


main()

#!/usr/bin/python3
"""Compares seedbed-seeder with transmission-daemon and a libtorrent seeder: same files, same leechers,
one run. Then it measures what the others do not have: synthetic content, and a thousand torrents.

Each round measures every seeder, one right after the other; the medians of the rounds are printed.
CPU is that of the seeder's process, user and system; memory is its resident set.

usage: seeder.py DIRECTORY OF SEEDBED'S BINARIES, DIRECTORY OF THE STOCK VIDEOS [--rounds N]
"""

import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

from processes import cpu, free_port, resident

HERE = pathlib.Path(__file__).parent
PEER = HERE / "libtorrent_peer.py"
# The file that throughput is measured with, in bytes: the disk must not be the limit, so it is in
# memory (/dev/shm), and so is what ten leechers make of it.
FILE = 128 << 20
LEECHERS = (1, 10)
SEEDBED, TRANSMISSION, LIBTORRENT = "seedbed-seeder", "transmission-daemon", "libtorrent"
# Transmission takes one connection from an address, and so one of the leechers.
LOADS = [(name, leechers) for leechers in LEECHERS for name in (SEEDBED, TRANSMISSION, LIBTORRENT)
         if (name, leechers) != (TRANSMISSION, 10)]


@contextlib.contextmanager
def running(command, **options):
    """A process that is killed at the end."""
    process = subprocess.Popen(
        [str(word) for word in command], stderr=subprocess.DEVNULL, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def receive(peer, length):
    parts = b""
    while len(parts) < length:
        part = peer.recv(length - len(parts))
        if not part:
            raise ConnectionError("the seeder closed the connection")
        parts += part
    return parts


def get_block(port, infohash):
    """The first block of a torrent, got by a peer that does nothing else (BEP 3)."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = b"\x13BitTorrent protocol" + bytes(8) + infohash + b"-BE0100-" + os.urandom(12)
        peer.sendall(hello + struct.pack(">IB", 1, 2))
        receive(peer, 68)
        while True:
            (length,) = struct.unpack(">I", receive(peer, 4))
            frame = receive(peer, length)
            if frame[:1] == b"\x01":
                peer.sendall(struct.pack(">IBIII", 13, 6, 0, 0, 16 << 10))
            elif frame[:1] == b"\x07":
                return frame[9:]


def until_first_block(port, infohash, deadline):
    """Asks again and again, as a client does that waits for a seeder."""
    while time.monotonic() < deadline:
        try:
            return get_block(port, infohash)
        except OSError:
            time.sleep(0.001)
    sys.exit("no block within a minute")


def http(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
        return answer.read()


class Content:
    """A directory, and the .torrent files that seedbed-seeder gives for it."""

    def __init__(self, bins, directory, scratch):
        self.directory = directory
        self.torrents = scratch
        scratch.mkdir()
        with seedbed(bins, ["--content", directory]) as (_, _, inventory):
            self.list = json.loads(http(f"{inventory}/torrents"))
            for torrent in self.list:
                path = scratch / f"{torrent['name']}.torrent"
                path.write_bytes(http(f"{inventory}/torrents/{torrent['hash']}.torrent"))
        first = max(self.list, key=lambda torrent: torrent["size"])
        self.infohash = bytes.fromhex(first["hash"])
        self.largest = scratch / f"{first['name']}.torrent"


@contextlib.contextmanager
def seedbed(bins, arguments):
    """A seeder that is ready: its process, peer port and inventory."""
    command = [bins / "seedbed-seeder", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"]
    with running(command + arguments, stdout=subprocess.PIPE, text=True) as process:
        addresses = {}
        for line in process.stdout:
            if line == "ready\n":
                break
            scheme, _, address = line.split()[2].partition("://")
            addresses.setdefault(scheme, address)
        else:
            sys.exit("seedbed-seeder did not become ready")
        yield process, int(addresses["tcp"].rsplit(":", 1)[1]), f"http://{addresses['http']}"


@contextlib.contextmanager
def seeder(name, bins, content, port):
    """A seeder from the first instant of its process."""
    with tempfile.TemporaryDirectory() as scratch:
        if name == SEEDBED:
            command = [bins / SEEDBED, "--content", content.directory]
            command += ["--listen", "127.0.0.1:0", "--peer-listen", f"127.0.0.1:{port}"]
        elif name == TRANSMISSION:
            watched = pathlib.Path(scratch, "watched")
            shutil.copytree(content.torrents, watched)
            settings = {
                "dht-enabled": False, "lpd-enabled": False, "pex-enabled": False,
                "utp-enabled": False, "port-forwarding-enabled": False, "rpc-enabled": False,
                "watch-dir-enabled": True, "watch-dir": str(watched),
                "bind-address-ipv4": "127.0.0.1", "upload-slots-per-torrent": 100,
            }
            pathlib.Path(scratch, "settings.json").write_text(json.dumps(settings))
            command = [TRANSMISSION, "--foreground", "--config-dir", scratch]
            command += ["--download-dir", content.directory, "--peerport", port]
        else:
            torrents = sorted(content.torrents.iterdir())
            command = ["/usr/bin/python3", PEER, "seed", port, content.directory, *torrents]
        with running(command, stdout=subprocess.DEVNULL) as process:
            yield process


def first_block(name, bins, content):
    """Seconds from the start of the process to the first block of the largest video."""
    port = free_port()
    start = time.monotonic()
    with seeder(name, bins, content, port):
        until_first_block(port, content.infohash, start + 60)
        return time.monotonic() - start


def throughput(name, bins, content, leechers):
    """Bytes a second to so many leechers in sum, and CPU seconds of the seeder for each GiB."""
    port = free_port()
    with seeder(name, bins, content, port) as process:
        until_first_block(port, content.infohash, time.monotonic() + 60)
        before = cpu(process.pid)
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            command = ["/usr/bin/python3", PEER, "leech", port, directory, content.largest, leechers]
            line = subprocess.run(
                [str(word) for word in command], check=True, capture_output=True, text=True
            ).stdout
        used = cpu(process.pid) - before
    return leechers * FILE / float(line), used / (leechers * FILE / (1 << 30))


def compare(bins, videos, rounds):
    names = [SEEDBED, TRANSMISSION, LIBTORRENT]
    seconds = {name: [] for name in names}
    rates = {load: [] for load in LOADS}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        scratch = pathlib.Path(scratch)
        stock = Content(bins, videos, scratch / "stock")
        (scratch / "content").mkdir()
        with open(scratch / "content" / "file.bin", "wb") as file:
            for _ in range(FILE >> 20):
                file.write(os.urandom(1 << 20))
        single = Content(bins, scratch / "content", scratch / "single")
        for _ in range(rounds):
            for name in names:
                seconds[name].append(first_block(name, bins, stock))
            for name, leechers in LOADS:
                rates[name, leechers].append(throughput(name, bins, single, leechers))

    print(f"time to the first block of {len(stock.list)} stock torrents (median of {rounds})")
    for name in names:
        print(f"  {name:20} {statistics.median(seconds[name]) * 1000:8.0f} ms")
    for leechers in LEECHERS:
        print(f"throughput to {leechers} libtorrent leecher(s), {FILE >> 20} MiB each")
        base = statistics.median(rate for rate, _ in rates[LIBTORRENT, leechers])
        for name in [name for name, count in LOADS if count == leechers]:
            rate = statistics.median(rate for rate, _ in rates[name, leechers])
            used = statistics.median(used for _, used in rates[name, leechers])
            print(
                f"  {name:20} {rate / 1e6:8.0f} MB/s  {rate / base:5.2f} of libtorrent's"
                f"  {used:5.2f} CPU s/GiB"
            )


def memory(bins, videos):
    with seedbed(bins, ["--content", videos]) as (process, _, inventory):
        count = len(json.loads(http(f"{inventory}/torrents")))
        print(f"resident with {count} stock torrents: {resident(process.pid) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        for number in range(1000):
            path = pathlib.Path(directory, f"{number:04}.bin")
            path.write_bytes(number.to_bytes(2) * 8192)
        start = time.monotonic()
        with seedbed(bins, ["--content", directory]) as (process, _, _):
            took = time.monotonic() - start
            print(
                f"resident with 1,000 torrents: {resident(process.pid) / 1e6:.1f} MB,"
                f" ready in {took:.2f} s"
            )


def synthetic(bins):
    size, seed = 2 << 30, 7
    start = time.monotonic()
    arguments = ["--synthetic", f"big={size},seed={seed}"]
    with seedbed(bins, arguments) as (process, port, inventory):
        took = time.monotonic() - start
        print(f"2 GiB of synthetic content: ready in {took:.2f} s")
        magnet = json.loads(http(f"{inventory}/torrents/big"))["magnetURI"]
        with tempfile.TemporaryDirectory() as out:
            start = time.monotonic()
            fetch = [bins / "seedbed", "fetch", magnet, "--peer", f"127.0.0.1:{port}", "--out", out]
            subprocess.run([str(word) for word in fetch], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            took = time.monotonic() - start
            print(f"  seedbed fetch: {took:.2f} s with writing and summing, {size / took / 1e6:.0f} MB/s")
            print(f"  resident after it: {resident(process.pid) / 1e6:.1f} MB")
            agree(bins, pathlib.Path(out, "big"), size, seed)


def agree(bins, fetched, size, seed):
    """The fetched file is what the range server gives, and a sample of it what openssl makes."""
    with tempfile.TemporaryDirectory() as root:
        command = [bins / "seedbed-range", "--root", root, "--listen", "127.0.0.1:0"]
        with running(command, stdout=subprocess.PIPE, text=True) as process:
            url = process.stdout.readline().split()[2]
            answer = urllib.request.urlopen(f"{url}/synthetic/{size}?seed={seed}")
            with open(fetched, "rb") as file:
                while part := file.read(1 << 20):
                    if part != answer.read(len(part)):
                        sys.exit("the fetched bytes are not those of the range server")
                if answer.read(1):
                    sys.exit("the range server has more bytes")
    key = hashlib.sha256(f"seedbed:{seed}".encode()).hexdigest()[:32]
    offset, length = 1_234_567 * 16, 1 << 20
    openssl = subprocess.run(
        ["openssl", "enc", "-aes-128-ctr", "-K", key, "-iv", f"{offset // 16:032x}"],
        input=bytes(length), check=True, capture_output=True,
    ).stdout
    with open(fetched, "rb") as file:
        file.seek(offset)
        if file.read(length) != openssl:
            sys.exit("the fetched bytes are not those of openssl")
    print("  all bytes are those of the range server, and 1 MiB those of openssl")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bins", type=pathlib.Path)
    parser.add_argument("videos", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    compare(arguments.bins.resolve(), arguments.videos.resolve(), arguments.rounds)
    memory(arguments.bins.resolve(), arguments.videos.resolve())
    synthetic(arguments.bins.resolve())


if __name__ == "__main__":
    main()

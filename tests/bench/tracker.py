#!/usr/bin/python3
"""Compares seedbed-tracker with aquatic_http, aquatic_udp, opentracker and npm bittorrent-tracker.

Over HTTP keep-alive with wrk, over UDP with aquatic_udp_load_test, each at the same load. In each
round every tracker is measured, one right after the other; the medians of the rounds are printed,
and by how much seedbed-tracker's is more. CPU is that of the tracker's process, user and system.

Builds of seedbed-tracker that are named on the command line are compared with each other instead,
over HTTP: the commit before and the commit after a change.
"""

import argparse
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from processes import cpu, free_port, resident

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
TOOLS = ROOT / ".tools/bin"
MODULES = ROOT / "tests/node_modules"
BINARY = ROOT / "target/release/seedbed-tracker"
TORRENTS_HTTP = 1000
TORRENTS_UDP = 10_000
CONNECT = bytes.fromhex("0000041727101980 00000000 00000001")


def aquatic(name, directory, changes):
    """The command that runs one of aquatic's programs with some lines of its defaults changed."""
    text = subprocess.run([TOOLS / name, "-p"], check=True, capture_output=True, text=True).stdout
    for key, value in changes.items():
        text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.M)
        assert count, f"{name} has no setting {key}"
    path = directory / f"{name}.toml"
    path.write_text(text)
    return [TOOLS / name, "-c", path]


def command(tracker, port, directory):
    if tracker == "seedbed" or isinstance(tracker, pathlib.Path):
        binary = BINARY if tracker == "seedbed" else tracker
        return [binary, "--listen", f"127.0.0.1:{port}", "--log-level", "error"]
    if tracker == "npm":
        return ["node", HERE / "npm_tracker.mjs", MODULES, str(port)]
    if tracker == "opentracker":
        # The file is read inside of the directory, to which it changes its root.
        return ["opentracker", "-i", "127.0.0.1", "-p", str(port), "-P", str(port),
                "-d", directory, "-u", "nobody", "-w", "whitelist"]
    return aquatic(tracker, directory, {"address": f'"127.0.0.1:{port}"'})


@contextlib.contextmanager
def running(tracker, directory):
    port = free_port()
    process = subprocess.Popen(command(tracker, port, directory), cwd=directory,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_up(tracker, port, process)
        yield port, process
    finally:
        process.kill()
        process.wait()


def wait_until_up(tracker, port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{tracker} ended: {process.returncode}"
        if tracker == "aquatic_udp":
            with socket.socket(type=socket.SOCK_DGRAM) as probe:
                probe.settimeout(0.1)
                with contextlib.suppress(OSError):
                    probe.sendto(CONNECT, ("127.0.0.1", port))
                    return probe.recv(16)
        else:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                return None
        time.sleep(0.02)
    raise TimeoutError(f"{tracker} does not come up")


def wrk(port, directory, seconds):
    output = subprocess.run(
        ["wrk", "-t1", "-c32", f"-d{seconds}s", "-s", HERE / "tracker.lua",
         f"http://127.0.0.1:{port}"],
        env={**os.environ, "INFOHASHES": str(directory / "infohashes")},
        check=False, stdout=subprocess.PIPE, text=True).stdout
    assert "RESULT" in output, "wrk cannot connect: did the tracker end?"
    requests, duration, p99 = map(int, re.search(r"RESULT (\d+) (\d+) (\d+)", output).groups())
    return requests, requests / duration * 1e6, p99 / 1000


def over_http(tracker, directory, seconds):
    """Announces a second, p99 in milliseconds, microseconds of CPU an announce."""
    with running(tracker, directory) as (port, process):
        wrk(port, directory, max(1, seconds // 2))  # fills the swarms
        before = cpu(process.pid)
        requests, rate, p99 = wrk(port, directory, seconds)
        return rate, p99, (cpu(process.pid) - before) / requests * 1e6


class Probe(threading.Thread):
    """Measures how long a connect over UDP takes, a hundred times a second, in milliseconds."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.done = threading.Event()
        self.times = []

    def run(self):
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.port))
            client.settimeout(1)
            while not self.done.wait(0.01):
                begun = time.perf_counter()
                with contextlib.suppress(OSError):
                    client.send(CONNECT)
                    client.recv(16)
                # One that is lost counts as long as it was waited for.
                self.times.append((time.perf_counter() - begun) * 1000)

    def p99(self):
        self.done.set()
        self.join()
        return sorted(self.times)[len(self.times) * 99 // 100]


def over_udp(tracker, directory, _seconds):
    """Announces a second, p99 in milliseconds, errors a second, microseconds of CPU a response, MB
    resident."""
    with running(tracker, directory) as (port, process):
        load = aquatic("aquatic_udp_load_test", directory, {
            "server_address": f'"127.0.0.1:{port}"', "number_of_torrents": TORRENTS_UDP,
            # It counts in steps of five seconds.
            "duration": 10, "summarize_last": 5, "extra_statistics": "false"})
        before = cpu(process.pid)
        probe = Probe(port)
        probe.start()
        output = subprocess.run(load, check=False, capture_output=True, text=True).stdout
        used, p99 = cpu(process.pid) - before, probe.p99()
        report = output[output.index("# aquatic load test report"):]
        each = dict(re.findall(r"(Average|Announce|Error) responses[^:]*: +([\d.]+)", report))
        responses, announces = float(each["Average"]), float(each["Announce"])
        each_used = used / (responses * 10) * 1e6
        return announces, p99, float(each["Error"]), each_used, resident(process.pid) / (1 << 20)


def infohashes(count):
    """The infohashes of aquatic_udp_load_test: bytes of xoshiro256++, seeded as rand 0.8 does it."""
    mask = (1 << 64) - 1
    words, seed = [], 0xC3AA8BE617B3ACCE
    for _ in range(8):
        seed = (seed * 6364136223846793005 + 11634580027462260723) & mask
        mixed, by = ((seed >> 18) ^ seed) >> 27 & 0xFFFFFFFF, seed >> 59
        words.append((mixed >> by | mixed << (32 - by)) & 0xFFFFFFFF)
    state = [low | high << 32 for low, high in zip(words[::2], words[1::2])]

    def rotate(value, by):
        return ((value << by) | (value >> (64 - by))) & mask

    def byte():
        result = (rotate((state[0] + state[3]) & mask, 23) + state[0]) & mask
        shifted = (state[1] << 17) & mask
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = rotate(state[3], 45)
        return result >> 32 & 0xFF

    return [bytes(byte() for _ in range(20)).hex() for _ in range(count)]


def compare(title, columns, measure, trackers, arguments, directory):
    results = {tracker: [] for tracker in trackers}
    for _ in range(arguments.rounds):
        for tracker in trackers:
            results[tracker].append(measure(tracker, directory, arguments.seconds))
    medians = {
        tracker: [statistics.median(column) for column in zip(*rounds)]
        for tracker, rounds in results.items()
    }
    print(f"\n{title:<16}" + "".join(f"{column:>16}" for column in columns) + f"{'ratio':>10}")
    for tracker, row in medians.items():
        ratio = medians[trackers[0]][0] / row[0] if row[0] else float("nan")
        print(f"{tracker!s:<16}" + "".join(f"{value:>16.1f}" for value in row) + f"{ratio:>10.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("builds", nargs="*", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement over HTTP")
    parser.add_argument("--only", choices=["http", "udp"])
    arguments = parser.parse_args()
    print(f"load average at the start: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        all_of_them = infohashes(TORRENTS_UDP)
        (directory / "whitelist").write_text("\n".join(all_of_them) + "\n")
        (directory / "infohashes").write_text("\n".join(all_of_them[:TORRENTS_HTTP]) + "\n")
        if arguments.builds:
            return compare("HTTP keep-alive", ["announces/s", "p99 ms", "CPU us/announce"],
                           over_http, arguments.builds, arguments, directory)
        if arguments.only != "udp":
            compare("HTTP keep-alive", ["announces/s", "p99 ms", "CPU us/announce"], over_http,
                    ["seedbed", "aquatic_http", "opentracker", "npm"], arguments, directory)
        if arguments.only != "http":
            compare("UDP", ["announces/s", "p99 ms", "errors/s", "CPU us/response", "MB resident"],
                    over_udp, ["seedbed", "aquatic_udp", "opentracker", "npm"], arguments, directory)


if __name__ == "__main__":
    main()

"""Downloads a magnet link or .torrent file with a Deluge daemon and nothing but the trackers that it names.

Starts a daemon with a configuration of its own, drives it over Deluge's RPC, and ends with 0 once
the content is complete and on the disk. Everything but the content is below `DIRECTORY/.deluge`.
"""

import argparse
import base64
import json
import os
import socket
import subprocess
import sys

from deluge.ui.client import client
from twisted.internet import defer, reactor, task

# What the command deluged does. Its package would also start a daemon of the system; deluge-common has
# the same daemon without that.
DAEMON = "from deluge.core.daemon_entry import start_daemon; start_daemon()"
# Deluge's numbers for its encryption settings.
FORCED, DISABLED = 0, 2
PLAINTEXT, RC4 = 0, 1
USER, PASSWORD, ADMIN = "test", "test", 10
# How often a daemon is asked whether it listens, in seconds.
POLL = 0.1


def configure(directory, arguments):
    """Writes the daemon's configuration: no discovery, loopback only, a free port for peers."""
    config = {
        "dht": False,
        "lsd": False,
        "natpmp": False,
        "upnp": False,
        "utpex": False,
        "new_release_check": False,
        "geoip_db_location": "",
        "listen_interface": arguments.listen,
        "listen_ports": [0, 0],
        "random_port": False,
        "enc_in_policy": FORCED if arguments.encrypted else DISABLED,
        "enc_out_policy": FORCED if arguments.encrypted else DISABLED,
        "enc_level": RC4 if arguments.encrypted else PLAINTEXT,
        "download_location": os.path.join(directory, "incomplete"),
        # The move waits for every block that has yet to be written, and the event for the move.
        "move_completed": True,
        "move_completed_path": os.path.abspath(arguments.directory),
    }
    os.makedirs(config["download_location"])
    with open(os.path.join(directory, "core.conf"), "w") as file:
        json.dump({"file": 1, "format": 1}, file)
        json.dump(config, file)
    with open(os.path.join(directory, "auth"), "w") as file:
        file.write(f"{USER}:{PASSWORD}:{ADMIN}\n")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@defer.inlineCallbacks
def connect(directory):
    """Starts a daemon and connects to it. Takes another port if this one is taken meanwhile."""
    while True:
        port = free_port()
        # setpriv ends it with this script, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", DAEMON, "--do-not-daemonize"]
        command += ["--config", directory, "--ui-interface", "127.0.0.1", "--port", str(port)]
        daemon = subprocess.Popen([*command, "--loglevel", "none"])
        while daemon.poll() is None:
            try:
                yield client.connect("127.0.0.1", port, USER, PASSWORD)
            except Exception:  # Deluge's client has no narrower type for a refused connection.
                yield task.deferLater(reactor, POLL, lambda: None)
            else:
                return


@defer.inlineCallbacks
def download(arguments):
    directory = os.path.join(os.path.abspath(arguments.directory), ".deluge")
    os.makedirs(directory)
    configure(directory, arguments)
    yield connect(directory)
    moved = defer.Deferred()
    yield client.register_event_handler("TorrentFinishedEvent", lambda *_: moved.callback(None))
    if arguments.source.startswith("magnet:"):
        yield client.core.add_torrent_magnet(arguments.source, {})
    else:
        with open(arguments.source, "rb") as file:
            content = base64.b64encode(file.read())
        yield client.core.add_torrent_file("source.torrent", content, {})
    yield moved


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="MAGNET|TORRENT")
    parser.add_argument("directory")
    parser.add_argument("--listen", default="127.0.0.1", metavar="IP")
    parser.add_argument("--encrypted", action="store_true", help="RC4 and nothing else")
    arguments = parser.parse_args()
    codes = []

    @defer.inlineCallbacks
    def run():
        try:
            yield download(arguments)
        except Exception as error:
            print(f"failed to download: {error!r}", file=sys.stderr)
            codes.append(1)
        reactor.stop()

    reactor.callWhenRunning(run)
    reactor.run()
    return codes[0] if codes else 0


if __name__ == "__main__":
    sys.exit(main())

"""Downloads a magnet link or .torrent file with libtorrent and nothing but the trackers that it names.

Ends with 0 once every copy is complete and on the disk, and with 1 if one fails, or if content came
over another transport or less encrypted than was asked for. With `--copies`, so many clients, each
of its own, download at once, into the directories 0, 1 and so on.
"""

import argparse
import os
import sys

import libtorrent as lt

SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "allow_multiple_connections_per_ip": True,
    # When the content is complete, it can still be seen where it came from.
    "close_redundant_connections": False,
    "alert_mask": lt.alert.category_t.status_notification
    | lt.alert.category_t.error_notification
    | lt.alert.category_t.tracker_notification,
}
# The flag of peer_info that the binding leaves out.
UTP_SOCKET = 1 << 17
UTP_ONLY = {"enable_outgoing_tcp": False, "enable_incoming_tcp": False}
TCP_ONLY = {"enable_outgoing_utp": False, "enable_incoming_utp": False}
RC4_ONLY = {
    "out_enc_policy": lt.enc_policy.forced,
    "in_enc_policy": lt.enc_policy.forced,
    "allowed_enc_level": lt.enc_level.rc4,
}


class Leecher:
    """One client with one torrent."""

    def __init__(self, arguments, directory):
        os.makedirs(directory, exist_ok=True)
        settings = {**SETTINGS, "listen_interfaces": arguments.listen}
        settings |= UTP_ONLY if arguments.utp else TCP_ONLY
        settings |= RC4_ONLY if arguments.encrypted else {}
        self.wanted = 0
        if arguments.utp:
            self.wanted |= UTP_SOCKET
        if arguments.encrypted:
            self.wanted |= lt.peer_info.rc4_encrypted
        self.session = lt.session(settings)
        if arguments.source.startswith("magnet:"):
            params = lt.parse_magnet_uri(arguments.source)
        else:
            params = lt.add_torrent_params()
            params.ti = lt.torrent_info(arguments.source)
        params.save_path = directory
        self.session.add_torrent(params)
        self.done = False

    def poll(self, milliseconds):
        """Handles what happened; raises where the download failed."""
        self.session.wait_for_alert(milliseconds)
        for alert in self.session.pop_alerts():
            print(alert.message(), file=sys.stderr, flush=True)
            if isinstance(alert, lt.torrent_finished_alert):
                self.check_peers(alert.handle)
                # What is in the cache has to be on the disk before anybody compares it.
                alert.handle.flush_cache()
            if isinstance(alert, lt.cache_flushed_alert):
                self.done = True
            if isinstance(alert, (lt.torrent_error_alert, lt.metadata_failed_alert)):
                raise RuntimeError(alert.message())


    def check_peers(self, handle):
        """Raises if content came over another transport, or less encrypted, than was asked for."""
        sources = [peer for peer in handle.get_peer_info() if peer.total_download]
        if not sources:
            raise RuntimeError("no peer was seen that content came from")
        for peer in sources:
            if peer.flags & self.wanted != self.wanted:
                raise RuntimeError(f"content came from {peer.ip} with flags {peer.flags:#x}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="MAGNET|TORRENT")
    parser.add_argument("directory")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDR")
    parser.add_argument("--utp", action="store_true", help="uTP and no TCP")
    parser.add_argument("--encrypted", action="store_true", help="RC4 and nothing else")
    parser.add_argument("--copies", type=int, metavar="N")
    arguments = parser.parse_args()
    directories = [arguments.directory]
    if arguments.copies:
        directories = [os.path.join(arguments.directory, str(n)) for n in range(arguments.copies)]
    leechers = [Leecher(arguments, directory) for directory in directories]
    while busy := [leecher for leecher in leechers if not leecher.done]:
        for leecher in busy:
            leecher.poll(1000 // len(busy))


if __name__ == "__main__":
    sys.exit(main())

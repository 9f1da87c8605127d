"""One libtorrent process of the seeder's benchmark.

usage: libtorrent_peer.py seed PORT DIRECTORY TORRENT...    until it is killed
       libtorrent_peer.py leech PORT DIRECTORY TORRENT N    prints the seconds that N clients took
"""

import os
import sys
import time

import libtorrent as lt

SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "allow_multiple_connections_per_ip": True,
    # As many as may come: the default is eight.
    "unchoke_slots_limit": -1,
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
}


def params_of(torrent, directory):
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    params.trackers = []
    return params


def seed(port, directory, torrents):
    session = lt.session({**SETTINGS, "listen_interfaces": f"127.0.0.1:{port}"})
    for torrent in torrents:
        session.add_torrent(params_of(torrent, directory))
    while True:
        session.wait_for_alert(60_000)
        session.pop_alerts()


def leech(port, directory, torrent, count):
    leechers = []
    for number in range(count):
        session = lt.session({**SETTINGS, "listen_interfaces": "127.0.0.1:0"})
        own = os.path.join(directory, str(number))
        os.makedirs(own)
        leechers.append((session, session.add_torrent(params_of(torrent, own))))
    # Nothing is on the disk, which they have to see before they connect.
    for _, handle in leechers:
        while handle.status().state in (
            lt.torrent_status.checking_files,
            lt.torrent_status.checking_resume_data,
        ):
            time.sleep(0.01)
    start = time.monotonic()
    for _, handle in leechers:
        handle.connect_peer(("127.0.0.1", port))
    waiting = leechers
    while waiting:
        for session, _ in waiting:
            session.wait_for_alert(1000 // len(waiting))
            for alert in session.pop_alerts():
                if isinstance(alert, lt.torrent_error_alert):
                    sys.exit(alert.message())
        waiting = [leecher for leecher in waiting if not leecher[1].status().is_seeding]
    print(time.monotonic() - start)


if __name__ == "__main__":
    what, port, directory, *rest = sys.argv[1:]
    if what == "seed":
        seed(int(port), directory, rest)
    else:
        leech(int(port), directory, rest[0], int(rest[1]))

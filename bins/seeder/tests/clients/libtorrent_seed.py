"""Seeds one torrent with libtorrent until it is killed, and prints the address that it listens on.

usage: libtorrent_seed.py TORRENT DIRECTORY
"""

import sys

import libtorrent as lt


def main(torrent, directory):
    session = lt.session({
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "allow_multiple_connections_per_ip": True,
        "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    })
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    session.add_torrent(params)
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            print(alert.message(), file=sys.stderr, flush=True)
            if isinstance(alert, lt.torrent_finished_alert):
                print(f"seeding at 127.0.0.1:{session.listen_port()}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

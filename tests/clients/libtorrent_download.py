"""Downloads one magnet link with libtorrent and nothing but the trackers that it names.

usage: libtorrent_download.py MAGNET DIRECTORY
"""

import sys

import libtorrent as lt


def main(magnet, directory):
    session = lt.session({
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "alert_mask": lt.alert.category_t.status_notification
        | lt.alert.category_t.error_notification
        | lt.alert.category_t.tracker_notification,
    })
    params = lt.parse_magnet_uri(magnet)
    params.save_path = directory
    session.add_torrent(params)
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            print(alert.message(), file=sys.stderr, flush=True)
            if isinstance(alert, lt.torrent_finished_alert):
                # What is in the cache has to be on the disk before anybody compares it.
                alert.handle.flush_cache()
            if isinstance(alert, lt.cache_flushed_alert):
                return 0
            if isinstance(alert, (lt.torrent_error_alert, lt.metadata_failed_alert)):
                return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

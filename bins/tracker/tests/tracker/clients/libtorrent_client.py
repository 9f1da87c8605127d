"""libtorrent: announces a torrent to every tracker that it is given, until it is ended.

usage: libtorrent_client.py PORT MAGNET DIRECTORY
"""

import sys
import time

import libtorrent

port, magnet, directory = sys.argv[1:]
session = libtorrent.session({
    "listen_interfaces": f"127.0.0.1:{port}",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "announce_to_all_trackers": True,
    "announce_to_all_tiers": True,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": libtorrent.alert.category_t.all_categories,
})
parameters = libtorrent.parse_magnet_uri(magnet)
parameters.save_path = directory
session.add_torrent(parameters)
while True:
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.tracker_reply_alert):
            print(f"reply {alert.url} {alert.num_peers}", flush=True)
        elif isinstance(alert, libtorrent.tracker_error_alert):
            print(f"error {alert.message()}", flush=True)
    time.sleep(0.05)

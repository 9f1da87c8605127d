"""Prints as JSON what libtorrent makes of a .torrent file, given the content that it describes.

usage: libtorrent_metainfo.py TORRENT DIRECTORY [download | unchecked]

It parses the file, creates a torrent of the same files itself, and checks every piece. With
`download`, the content comes from the web seeds; with `unchecked`, it is not looked at.
"""

import json
import sys

import libtorrent as lt


def created(info, directory):
    """The infohash of a torrent that libtorrent creates of these files, and its info dictionary."""
    files = lt.file_storage()
    for file in range(info.num_files()):
        if not info.files().file_flags(file) & lt.file_flags_t.flag_pad_file:
            files.add_file(info.files().file_path(file), info.files().file_size(file))
    torrent = lt.create_torrent(files, info.piece_length(), lt.create_torrent.v1_only)
    torrent.set_priv(info.priv())
    lt.set_piece_hashes(torrent, directory)
    entry = torrent.generate()[b"info"]
    source = lt.bdecode(info.info_section()).get(b"source")
    if source is not None:
        entry[b"source"] = source
    return str(lt.torrent_info({b"info": entry}).info_hashes().v1)


def seeds(torrent, directory, download):
    """Whether all of the content is there and right."""
    session = lt.session({
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        "alert_mask": lt.alert.category_t.status_notification
        | lt.alert.category_t.error_notification
        | lt.alert.category_t.peer_notification,
    })
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(torrent)
    params.save_path = directory
    handle = session.add_torrent(params)
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            print(alert.message(), file=sys.stderr, flush=True)
            if isinstance(alert, lt.torrent_error_alert):
                return False
            if isinstance(alert, lt.torrent_checked_alert) and not download:
                return handle.status().is_seeding
            if isinstance(alert, lt.torrent_finished_alert):
                handle.flush_cache()
            if isinstance(alert, lt.cache_flushed_alert):
                return True


def main(torrent, directory, mode=None):
    info = lt.torrent_info(torrent)
    files = info.files()
    report = {
        "infohash": str(info.info_hashes().v1),
        "name": info.name(),
        "pieceLength": info.piece_length(),
        "pieces": info.num_pieces(),
        "private": info.priv(),
        "files": [
            [
                files.file_path(file),
                files.file_size(file),
                bool(files.file_flags(file) & lt.file_flags_t.flag_pad_file),
            ]
            for file in range(files.num_files())
        ],
        # It shuffles each tier as it reads it (BEP 12).
        "trackers": sorted([tracker.tier, tracker.url] for tracker in info.trackers()),
        "webSeeds": [seed["url"] for seed in info.web_seeds()],
    }
    if mode != "unchecked":
        report["seeds"] = seeds(torrent, directory, mode == "download")
    if mode is None:
        report["created"] = created(info, directory)
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])

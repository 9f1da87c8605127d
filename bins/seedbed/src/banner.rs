//! The banner of `seedbed up`: the URLs of the bed and of each torrent, ready to be copied.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use seedbed_seeder::TorrentView;

use crate::sockets::Links;

/// Characters that are escaped in a path (RFC 3986 section 3.3).
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The URLs of a bed and of its torrents.
pub(crate) struct Banner<'a> {
    pub(crate) links: &'a Links,
    pub(crate) torrents: &'a [TorrentView],
    /// The directory of segments for HTTP Live Streaming, if they are served.
    pub(crate) segments: Option<PathBuf>,
    /// The file of the CA for clients to trust, if one was made.
    pub(crate) ca: Option<&'a Path>,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Links { announce, statistics, seeder_host, range } = self.links;
        writeln!(f)?;
        for url in announce {
            writeln!(f, "announce    {url}")?;
        }
        writeln!(f, "statistics  {statistics}")?;
        writeln!(f, "inventory   http://{seeder_host}/torrents")?;
        writeln!(f, "files       {range}/")?;
        if let Some(ca) = self.ca {
            writeln!(f, "CA          {}", ca.display())?;
        }
        for torrent in self.torrents {
            writeln!(f, "\n{}  {} bytes", torrent.name, torrent.size)?;
            // Each torrent is hashed before the banner is printed.
            if let (Some(hash), Some(magnet)) = (torrent.hash, &torrent.magnet_uri) {
                writeln!(f, "  infohash  {hash}")?;
                writeln!(f, "  magnet    {magnet}")?;
            }
            let Some((first, others)) = torrent.files.split_first() else { continue };
            match torrent.seed {
                Some(seed) => {
                    write!(f, "  range     {range}/synthetic/{}?seed={seed}", torrent.size)?
                }
                None => {
                    let path = utf8_percent_encode(&first.path, NOT_IN_PATH);
                    write!(f, "  range     {range}/{path}")?;
                }
            }
            match others.len() {
                0 => writeln!(f)?,
                more => writeln!(f, " (and {more} more files)")?,
            }
            if self.segments.as_ref().is_some_and(|all| all.join(&torrent.name).is_dir()) {
                let name = utf8_percent_encode(&torrent.name, NOT_IN_PATH);
                writeln!(f, "  hls       {range}/hls/{name}/ts/index.m3u8")?;
            }
        }
        Ok(())
    }
}

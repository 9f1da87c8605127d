//! What `seedbed up` prints once all is up: where everything is, ready to be copied.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use seedbed_seeder::TorrentView;

use crate::sockets::Links;

/// What a path cannot hold (RFC 3986 section 3.3).
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

/// Where everything is.
pub(crate) struct Banner<'a> {
    pub(crate) links: &'a Links,
    pub(crate) torrents: &'a [TorrentView],
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
        for torrent in self.torrents {
            writeln!(f, "\n{}  {} bytes", torrent.name, torrent.size)?;
            writeln!(f, "  infohash  {}", torrent.hash)?;
            writeln!(f, "  magnet    {}", torrent.magnet_uri)?;
            if let Some((first, others)) = torrent.files.split_first() {
                write!(
                    f,
                    "  range     {}/{}",
                    range,
                    utf8_percent_encode(&first.path, NOT_IN_PATH)
                )?;
                match others.len() {
                    0 => writeln!(f)?,
                    more => writeln!(f, " (and {more} more files)")?,
                }
            }
        }
        Ok(())
    }
}

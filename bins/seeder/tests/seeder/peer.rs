//! A peer of a few lines: handshake and frames (BEP 3), nothing clever.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use seedbed_testkit::DEADLINE;

/// A connection that has shaken hands.
pub(crate) struct Peer(TcpStream);

/// As which it comes.
pub(crate) const PEER_ID: &[u8; 20] = b"-TR3000-abcdefghijkl";

pub(crate) const BITFIELD: u8 = 5;
const UNCHOKE: u8 = 1;
const INTERESTED: u8 = 2;
const REQUEST: u8 = 6;
const PIECE: u8 = 7;

impl Peer {
    /// Shakes hands for an infohash in hex digits.
    pub(crate) fn connect(address: SocketAddr, hash: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let hash = hex::decode(hash).unwrap();
        stream.write_all(
            &[b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0", &hash[..], PEER_ID].concat(),
        )?;
        let mut theirs = [0; 68];
        stream.read_exact(&mut theirs)?;
        assert_eq!(&theirs[28..48], hash);
        Ok(Self(stream))
    }

    /// The next frame, keep-alives left out: its id and its payload.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            let mut length = [0; 4];
            self.0.read_exact(&mut length)?;
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            self.0.read_exact(&mut frame)?;
            if let Some((id, payload)) = frame.split_first() {
                return Ok((*id, payload.to_vec()));
            }
        }
    }

    /// Reads until a frame with this id comes.
    pub(crate) fn until(&mut self, id: u8) -> io::Result<Vec<u8>> {
        loop {
            let (came, payload) = self.frame()?;
            if came == id {
                return Ok(payload);
            }
        }
    }

    fn send(&mut self, id: u8, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len() + 1).unwrap();
        self.0.write_all(&[&length.to_be_bytes()[..], &[id], payload].concat())
    }

    /// Says that it is interested, and waits to be unchoked.
    pub(crate) fn interested(&mut self) -> io::Result<()> {
        self.send(INTERESTED, &[])?;
        self.until(UNCHOKE).map(drop)
    }

    /// Asks for a block.
    pub(crate) fn ask(&mut self, piece: u32, offset: u32, length: u32) -> io::Result<()> {
        let payload = [piece, offset, length].map(u32::to_be_bytes).concat();
        self.send(REQUEST, &payload)
    }

    /// The next block that comes.
    pub(crate) fn block(&mut self) -> io::Result<Vec<u8>> {
        self.until(PIECE).map(|payload| payload[8..].to_vec())
    }

    /// Waits for the end of the connection, and says how many bytes came before it.
    pub(crate) fn end(mut self) -> usize {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
        rest.len()
    }
}

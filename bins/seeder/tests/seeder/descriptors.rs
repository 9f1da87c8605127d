//! A seeder that runs out of file descriptors.

use std::{net::TcpStream, path::Path};

use seedbed_testkit::{Server, eventually, get};

use crate::{
    common::{hash, seeder_binary},
    peer::Peer,
};

/// Before the wire kept descriptors for the engine, it took 48 s until a peer was served again.
#[test]
fn with_64_descriptors_a_hundred_silent_peers_do_not_keep_another_out() {
    let binary = seeder_binary().to_str().unwrap();
    let flags = ["--nofile=64", binary, "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"];
    let synthetic = ["--synthetic", "a=1MiB"];
    let seeder = Server::start(Path::new("prlimit"), flags.iter().chain(&synthetic));
    let (address, hash) = (seeder.address("tcp"), hash(&seeder, "a"));
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert_eq!(get(&seeder.url("/health")).status, 200);
    let mut peer = eventually("a peer to be served", || {
        let mut peer = Peer::connect(address, &hash).ok()?;
        peer.interested().ok()?;
        Some(peer)
    });
    peer.ask(0, 0, 16384).unwrap();
    assert_eq!(peer.block().unwrap().len(), 16384);
    drop(silent);
}

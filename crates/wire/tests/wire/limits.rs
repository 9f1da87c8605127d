//! How fast peers get what they are sent, in real time: it can only take longer than it should.

use std::{
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, Instant},
};

use seedbed_wire::Limiter;
use tokio::io::AsyncWriteExt as _;

use crate::bed::*;

/// Longer than what goes at once, the 32nd part of a second's.
const ALMOST_HALF_A_SECOND: Duration = Duration::from_millis(450);

#[tokio::test]
async fn a_peer_gets_no_more_than_its_limit() {
    let stream = blocks(20);
    let rate = NonZeroU64::new(2 * stream.len() as u64).unwrap();
    let bed = bed_with(|config| config.peer_limit = Some(rate)).await;
    let (mut peer, mut engine) = bed.bridged().await;
    let start = Instant::now();
    let (sent, ()) = tokio::join!(engine.write_all(&stream), expect(&mut peer, &stream));
    sent.unwrap();
    assert!(start.elapsed() > ALMOST_HALF_A_SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn all_peers_of_all_wires_with_one_limiter_share_it() {
    let stream = blocks(10);
    let rate = NonZeroU64::new(4 * stream.len() as u64).unwrap();
    let limiter = Arc::new(Limiter::new(rate));
    let (one, two) = tokio::join!(
        bed_with(|config| config.limiter = Some(limiter.clone())),
        bed_with(|config| config.limiter = Some(limiter.clone())),
    );
    let ((mut peer, mut engine), (mut other_peer, mut other_engine)) =
        tokio::join!(one.bridged(), two.bridged());
    let start = Instant::now();
    let (sent, other_sent, (), ()) = tokio::join!(
        engine.write_all(&stream),
        other_engine.write_all(&stream),
        expect(&mut peer, &stream),
        expect(&mut other_peer, &stream),
    );
    sent.and(other_sent).unwrap();
    assert!(start.elapsed() > ALMOST_HALF_A_SECOND, "{:?}", start.elapsed());
}

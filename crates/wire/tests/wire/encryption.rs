//! Which streams are spoken, between two wires of which one dials the other.

use seedbed_testkit::wait_until;
use seedbed_wire::Encryption::{self, Both, Plaintext, Rc4};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::bed::*;

async fn pair(dials: Encryption, accepts: Encryption) -> (Bed, Bed) {
    let dialling = bed_with(|config| config.encryption = dials).await;
    let accepting = bed_with(|config| {
        config.encryption = accepts;
        config.peer_id = THEIRS;
    });
    (dialling, accepting.await)
}

/// Has one engine ask the other for blocks, and get them.
async fn fetch(asks: &mut TcpStream, has: &mut TcpStream) {
    asks.write_all(&requests(40)).await.unwrap();
    expect(has, &requests(40)).await;
    let stream = blocks(40);
    let (sent, ()) = tokio::join!(has.write_all(&stream), expect(asks, &stream));
    sent.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_meet_where_both_allow_a_stream_and_each_gets_the_others_bytes() {
    for (dials, accepts, encrypted) in [
        (Plaintext, Plaintext, false),
        (Plaintext, Both, false),
        (Both, Plaintext, false),
        (Both, Both, false),
        (Both, Rc4, true),
        (Rc4, Both, true),
        (Rc4, Rc4, true),
    ] {
        let (dialling, accepting) = pair(dials, accepts).await;
        assert!(dialling.wire.dial(SERVED, accepting.address, None));
        // Each wire's engine hears the other's peer id.
        let (heard, mut far) = accepting.engine_side().await;
        assert_eq!(heard.peer_id, OURS);
        let (heard, mut near) = dialling.engine_side().await;
        assert_eq!(heard.peer_id, THEIRS);
        for wire in [&dialling.wire, &accepting.wire] {
            let status = only_peer(wire);
            assert_eq!(status.encrypted, encrypted, "{dials} to {accepts}");
        }
        // An engine gets only blocks that it asked for.
        fetch(&mut near, &mut far).await;
        fetch(&mut far, &mut near).await;
        assert_eq!(accepting.wire.uploaded(SERVED), 40 * 16384);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_allow_no_common_stream_do_not_meet() {
    for (dials, accepts) in [(Plaintext, Rc4), (Rc4, Plaintext)] {
        let (dialling, accepting) = pair(dials, accepts).await;
        assert!(dialling.wire.dial(SERVED, accepting.address, None));
        wait_until("the dial to have ended", || {
            dialling.wire.dial(SERVED, accepting.address, None)
        });
        assert_eq!((dialling.wire.peers(), accepting.wire.peers()), (vec![], vec![]));
    }
}

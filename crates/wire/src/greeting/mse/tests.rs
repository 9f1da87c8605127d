//! Both sides against each other, and their parts against numbers that Python's `pow`, `hashlib`
//! and an RC4 of ten lines gave.

use proptest::prelude::*;
use seedbed_metainfo::Infohash;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split};

use super::{key::PrivateKey, *};

const SERVED: Infohash = Infohash::new([0xaa; 20]);
const HELLO: &[u8] = b"\x13BitTorrent protocol, and so on";
const PUBLIC: &str = "96e112dab29e8c5272accb9b17b26887ce54a144a4e3b697c7d159b7a817e556b0918db2b4c658e02a87f7e5fb14b18a553e084cbf3dad2d30f16596ccb982d406258c61b30c5c1dae2ddc60bdbd48d79896312aad63238c39e1a633821eb693";
const SHARED: &str = "b70827622d35fbb7cd974383ddf4f29f75fbbdbe5a920965df5e92979d99befd3e3b6dd0f640cfc67b1ffb61fa0fa855bd38cb1d927bfaaf98663edb6cad86758259e2528ebc66a64675803073538735620861eb9722ecd49d548db1c34ba5fb";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn rng(seed: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed)
}

#[test]
fn both_sides_of_the_key_exchange_come_to_the_known_secret() {
    let key = |first: u8| PrivateKey::new(std::array::from_fn(|at| first + at.to_le_bytes()[0]));
    let (a, b) = (key(1), key(0xeb));
    assert_eq!(hex(&a.public()), PUBLIC);
    assert_eq!(hex(&a.shared(&b.public())), SHARED);
    assert_eq!(hex(&b.shared(&a.public())), SHARED);
    for wrong in [[0; key::LENGTH], [0xff; key::LENGTH]] {
        let _some_number = a.shared(&wrong);
    }
}

#[test]
fn hashes_and_streams_are_those_of_the_specification() {
    let key = PrivateKey::new(std::array::from_fn(|at| 1 + at.to_le_bytes()[0]));
    let theirs = PrivateKey::new(std::array::from_fn(|at| 0xeb + at.to_le_bytes()[0]));
    let shared = key.shared(&theirs.public());
    let mark = cipher::hash(&[b"req1", &shared]);
    assert_eq!(hex(&mark), "2201e6c266b6bb4407a97baa3e4ea15fcd3ccdfa");
    let proof = cipher::proof(&shared, SERVED);
    assert_eq!(hex(&proof), "158a58821f4d3246343809d96e08e7a32c428bc3");
    let stream = |mut cipher: Cipher| hex(&cipher.applied(vec![0; 16]));
    let initiators = Cipher::initiators(&shared, SERVED);
    assert_eq!(stream(initiators), "d5f5be934a7eee116e5de63d457a83f3");
    let responders = Cipher::responders(&shared, SERVED);
    assert_eq!(stream(responders), "8b6db0fc580f193f8ca897f15fc335f7");
}

/// Two ends, and what is on its way between them.
struct Negotiation {
    incoming: Incoming,
    outgoing: Outgoing,
    served: Vec<Infohash>,
    to_incoming: Vec<u8>,
    to_outgoing: Vec<u8>,
}

impl Negotiation {
    fn new(theirs: Encryption, ours: Encryption, seed: u64) -> Self {
        Self {
            incoming: Incoming::new(ours, rng(seed)),
            outgoing: Outgoing::new(theirs, SERVED, HELLO.to_vec(), rng(seed + 1)),
            served: vec![Infohash::new([1; 20]), SERVED],
            to_incoming: Vec::new(),
            to_outgoing: Vec::new(),
        }
    }

    /// Runs to the end, `size` bytes at a time; both ends in the order in which they came to be.
    fn run(mut self, sizes: &[usize]) -> Result<(Established, Established), MseError> {
        let (mut incoming, mut outgoing) = (None, None);
        let mut sizes = sizes.iter().copied().cycle();
        let mut chunk = |bytes: &mut Vec<u8>| {
            let size = sizes.next().unwrap_or(bytes.len()).min(bytes.len());
            bytes.drain(..size).collect::<Vec<_>>()
        };
        while incoming.is_none() || outgoing.is_none() {
            if outgoing.is_none() {
                let bytes = chunk(&mut self.to_outgoing);
                outgoing = self.outgoing.advance(&bytes, &mut self.to_incoming)?;
            }
            if incoming.is_none() {
                let bytes = chunk(&mut self.to_incoming);
                let served = || self.served.clone();
                incoming = self.incoming.advance(&bytes, served, &mut self.to_outgoing)?;
            }
        }
        Ok((incoming.unwrap(), outgoing.unwrap()))
    }
}

#[test]
fn the_method_is_one_that_both_allow_and_plaintext_where_both_allow_it() {
    use Encryption::{Both, Rc4};
    for (theirs, ours, encrypted) in
        [(Both, Both, false), (Both, Rc4, true), (Rc4, Both, true), (Rc4, Rc4, true)]
    {
        let (incoming, outgoing) = Negotiation::new(theirs, ours, 7).run(&[]).unwrap();
        for end in [&incoming, &outgoing] {
            assert_eq!((end.reader.is_some(), end.writer.is_some()), (encrypted, encrypted));
        }
        assert_eq!(incoming.ahead, HELLO);
    }
}

#[test]
fn a_peer_that_offers_only_what_is_not_allowed_is_refused_by_name() {
    let choose = |allowed, bits| incoming::choose(allowed, Methods(bits));
    let refused = choose(Encryption::Rc4, 1).unwrap_err();
    let wanted = "wanted RC4 inside Message Stream Encryption, got plaintext";
    assert_eq!(refused.to_string(), wanted);
    assert_eq!(choose(Encryption::Both, 0xff), Ok(Method::Plaintext));
    assert_eq!(choose(Encryption::Both, 2), Ok(Method::Rc4));
    assert_eq!(choose(Encryption::Rc4, 3), Ok(Method::Rc4));
    let refused = choose(Encryption::Both, 0x100).unwrap_err();
    assert!(refused.to_string().ends_with("got the unknown methods 0x100"), "{refused}");
}

#[test]
fn a_torrent_that_is_not_served_is_refused() {
    let mut negotiation = Negotiation::new(Encryption::Both, Encryption::Both, 7);
    negotiation.served.pop();
    assert_eq!(negotiation.run(&[]).err(), Some(MseError::NotServed));
}

#[test]
fn what_is_no_negotiation_is_refused_within_the_longest_pad() {
    let mut send = Vec::new();
    let mut incoming = Incoming::new(Encryption::Both, rng(1));
    assert!(incoming.advance(&[7; 96 + 531], Vec::new, &mut send).unwrap().is_none());
    assert!(matches!(incoming.advance(&[7], Vec::new, &mut send), Err(MseError::NoSync(_))));
    let mut outgoing = Outgoing::new(Encryption::Both, SERVED, Vec::new(), rng(1));
    assert!(outgoing.advance(&[7; 96 + 519], &mut send).unwrap().is_none());
    assert!(matches!(outgoing.advance(&[7], &mut send), Err(MseError::NoSync(_))));
}

#[tokio::test]
async fn an_established_stream_carries_any_bytes_both_ways() {
    for encryption in [Encryption::Both, Encryption::Rc4] {
        let (incoming, outgoing) = Negotiation::new(encryption, encryption, 3).run(&[]).unwrap();
        // A transport so narrow that each write is taken in parts.
        let (here, there) = (duplex(10), duplex(10));
        let ((here_in, here_out), (there_in, there_out)) = (here, there);
        let (mut a_reader, mut a_writer) = outgoing.wrap(split(here_in).0, split(there_in).1);
        let (mut b_reader, mut b_writer) = incoming.wrap(split(there_out).0, split(here_out).1);
        let mut first = vec![0; HELLO.len()];
        b_reader.read_exact(&mut first).await.unwrap();
        assert_eq!(first, HELLO);
        let bytes: Vec<u8> = (0..200_000u32).map(|at| (at % 253).to_le_bytes()[0]).collect();
        let send = async |writer: &mut (dyn tokio::io::AsyncWrite + Unpin + Send)| {
            writer.write_all(&bytes).await.unwrap();
            writer.flush().await.unwrap();
        };
        let (mut to_a, mut to_b) = (vec![0; bytes.len()], vec![0; bytes.len()]);
        let (a_read, b_read, (), ()) = tokio::join!(
            a_reader.read_exact(&mut to_a),
            b_reader.read_exact(&mut to_b),
            send(&mut a_writer),
            send(&mut b_writer),
        );
        assert_eq!((a_read.unwrap(), b_read.unwrap()), (bytes.len(), bytes.len()));
        assert!(to_a == bytes && to_b == bytes, "{encryption}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn both_ends_agree_whatever_the_pads_and_splits(
        seed in any::<u32>(),
        sizes in prop::collection::vec(1usize..200, 1..20),
        rc4 in any::<bool>(),
    ) {
        let encryption = if rc4 { Encryption::Rc4 } else { Encryption::Both };
        let negotiation = Negotiation::new(encryption, Encryption::Both, seed.into());
        let (mut incoming, mut outgoing) = negotiation.run(&sizes).unwrap();
        prop_assert_eq!(&incoming.ahead, HELLO);
        prop_assert!(outgoing.ahead.is_empty());
        let through = |from: &mut Established, to: &mut Established| {
            let mut bytes = HELLO.to_vec();
            from.writer.iter_mut().chain(&mut to.reader).for_each(|cipher| cipher.apply(&mut bytes));
            bytes
        };
        prop_assert_eq!(through(&mut incoming, &mut outgoing), HELLO);
        prop_assert_eq!(through(&mut outgoing, &mut incoming), HELLO);
    }

    #[test]
    fn no_bytes_panic_and_pads_beyond_the_longest_are_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 0..2000),
        seed in any::<u64>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut send = Vec::new();
        let _refused = Incoming::new(Encryption::Both, rng(seed)).advance(&bytes, Vec::new, &mut send);
        let mut outgoing = Outgoing::new(Encryption::Both, SERVED, HELLO.to_vec(), rng(seed));
        let _refused = outgoing.advance(&bytes, &mut send);

        // A negotiation that is right but for one byte.
        let mut negotiation = Negotiation::new(Encryption::Both, Encryption::Both, seed >> 1);
        negotiation.outgoing.advance(&[], &mut negotiation.to_incoming).unwrap();
        bytes = std::mem::take(&mut negotiation.to_incoming);
        let served = || vec![SERVED];
        negotiation.incoming.advance(&bytes, served, &mut send).unwrap();
        let mut answer = Vec::new();
        let mut last = Vec::new();
        let mut incoming = Incoming::new(Encryption::Both, rng(seed));
        incoming.advance(&bytes, served, &mut answer).unwrap();
        negotiation.outgoing.advance(&answer, &mut last).unwrap();
        let index = flip.index(last.len());
        last[index] ^= 1;
        let _refused_or_not = incoming.advance(&last, served, &mut answer);
    }
}

//! Attacks on the UDP ports: the tracker (BEP 15) and uTP (BEP 29).

use super::attacker::Attacker;

/// Datagrams in one action.
const BATCH: usize = 100;
/// The constant that begins a connect request.
const PROTOCOL_ID: [u8; 8] = 0x0417_2710_1980_u64.to_be_bytes();

/// Connects, announces with any connection id, scrapes too much, and sends junk.
pub(super) fn tracker(attacker: &mut Attacker<'_>) {
    let target = attacker.targets.tracker_udp;
    for _ in 0..BATCH {
        let datagram = match attacker.rng.u8(..4) {
            0 => [&PROTOCOL_ID[..], &[0, 0, 0, 0, 1, 2, 3, 4]].concat(),
            1 => [&attacker.junk(8)[..], &[0, 0, 0, 1], &attacker.junk(86)].concat(),
            2 => [&attacker.junk(8)[..], &[0, 0, 0, 2], &attacker.junk(1400)].concat(),
            _ => attacker.junk(1400),
        };
        attacker.send_datagram(target, &datagram);
    }
    let _answers = attacker.datagrams();
}

/// Opens streams that it never uses, resets streams that there are not, and sends junk.
pub(super) fn utp(attacker: &mut Attacker<'_>) {
    const SYN: u8 = 4;
    let target = attacker.targets.peers;
    for _ in 0..BATCH {
        let kind = attacker.rng.u8(..6);
        let mut header = attacker.junk(1);
        header.resize(20, 0);
        attacker.rng.fill(&mut header[2..]);
        header[0] = kind << 4 | 1;
        header[1] = 0;
        // A window, so that it may be answered.
        header[12..16].copy_from_slice(&(1_u32 << 20).to_be_bytes());
        if kind != SYN && attacker.rng.bool() {
            header.extend(attacker.junk(1200));
        }
        attacker.send_datagram(target, &header);
    }
    let _answers = attacker.datagrams();
}

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seedbed_tracker::fuzz::udp_packet(bytes));

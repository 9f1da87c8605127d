//! An announcer against trackers that the tests play themselves.

mod http;
mod support;
mod tiers;
mod udp;

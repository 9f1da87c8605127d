//! The journal: requests, announces, peer connections, blocks and faults, in order.
//!
//! Servers of one bed write into one [`Journal`], whose sequence numbers order them. Writing never
//! waits for a reader: the journal is a ring, and a reader that falls behind is told how many
//! entries it missed.

mod entry;
mod event;
mod file;
mod filter;
mod parts;
mod ring;
mod summary;
mod text;

pub use entry::{Entry, FaultRef, Level, Record};
pub use event::{ByteSpan, Event, PeerName};
pub use file::JournalFile;
pub(crate) use file::append_lines;
pub use filter::{Filter, InvalidFilter};
pub use parts::Part;
pub use ring::{DEFAULT_CAPACITY, Journal, Page};
pub use summary::{
    AnnounceSummary, Cut, PeerSummary, PieceSummary, RequestSummary, ScrapeSummary, Summary,
};
pub use text::Text;

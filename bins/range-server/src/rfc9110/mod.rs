//! The semantics of RFC 9110: sections 8.8 (validators), 13 (conditional requests) and 14 (ranges).
//!
//! Everything here is a pure function of header fields, a representation and the time. Nothing in here
//! may open a file, read a clock or know a route.

pub mod date;
pub mod etag;
pub mod multipart;
pub mod plan;
pub mod precondition;
pub mod range;
pub mod validators;

//! The content that is served: the root and the files in it, what is kept of them, synthetic content.
//!
//! Everything here reads; nothing here knows a request or a response. [`root`] is the only way to a
//! file.

pub mod blocks;
pub mod fingerprint;
pub mod media_type;
pub mod root;
pub(crate) mod source;

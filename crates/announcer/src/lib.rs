//! announcer

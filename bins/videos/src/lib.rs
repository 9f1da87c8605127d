//! videos

//! The catalog: which videos there are, and what each one contains.
//!
//! This module holds the TOML file, its keys, and the rules that an entry must keep. It does not
//! know how a video is made, nor what came out. It depends on no other module.

mod catalog_file;
pub(crate) mod toml_file;
mod values;
mod video;

pub(crate) use catalog_file::Catalog;
#[cfg(test)]
pub(crate) use catalog_file::stock;
pub(crate) use toml_file::ConfigError;
pub(crate) use values::Language;
pub(crate) use video::{
    Audio, AudioCodec, Container, MediaFile, PATCH_MARGIN, Picture, PictureCodec, Video,
};

//! `/synthetic/{size}?seed=N`: content that needs no disk, as large as the path says.

use std::{path::Path, sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    http::{Response, StatusCode, request::Parts},
};
use seedbed_synthetic::Keystream;

use super::{files, respond::error};
use crate::{
    app::App,
    content::{media_type, source::SyntheticSource},
    rfc9110::{date::HttpDate, etag::EntityTag, plan::Representation, validators::Validators},
};

/// Where it lies.
pub(crate) const PREFIX: &str = "/synthetic/";

/// Answers a request for content of `size` bytes.
pub(crate) fn answer(app: &App, request: &Parts, size: &str) -> Response<Body> {
    let Some(length) = number(size) else {
        return error(StatusCode::NOT_FOUND, format!("wanted a number of bytes, got {size}"));
    };
    match seed(request.uri.query().unwrap_or_default()) {
        Ok(seed) => {
            let source =
                SyntheticSource { keystream: Keystream::new(seed), sent: app.sent.clone() };
            let now = HttpDate::from_clock(SystemTime::now());
            files::serve(app, request, representation(seed, length), Arc::new(source), now)
        }
        Err(message) => error(StatusCode::BAD_REQUEST, message),
    }
}

/// The first `length` bytes of the synthetic content of `seed`: they never change.
fn representation(seed: u64, length: u64) -> Representation {
    let tag = [seed.to_be_bytes(), length.to_be_bytes()].concat();
    Representation {
        length,
        content_type: media_type::of(Path::new("")),
        validators: Validators { etag: EntityTag::strong(&tag), last_modified: None },
    }
}

/// The parameter `seed` of a query, 0 if it is not there.
fn seed(query: &str) -> Result<u64, String> {
    let mut seeds = query.split('&').filter_map(|pair| pair.strip_prefix("seed="));
    match (seeds.next(), seeds.next()) {
        (None, _) => Ok(0),
        (Some(seed), None) => {
            number(seed).ok_or_else(|| format!("wanted seed to be a number of 64 bits, got {seed}"))
        }
        (Some(_), Some(_)) => Err("wanted one seed, got several".into()),
    }
}

fn number(digits: &str) -> Option<u64> {
    // `parse` would take a sign.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_0_by_default() {
        assert_eq!(seed(""), Ok(0));
        assert_eq!(seed("a=1&seed=7&seeds=2"), Ok(7));
    }

    #[test]
    fn a_seed_that_is_no_number_of_64_bits_is_refused() {
        for query in ["seed=", "seed=x", "seed=-1", "seed=+1", "seed=18446744073709551616"] {
            assert!(seed(query).is_err(), "{query}");
        }
        assert!(seed("seed=1&seed=2").is_err());
    }
}

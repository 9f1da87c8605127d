//! Suggests the known name nearest to a misspelt one.

/// The known name nearest to `got`; `None` if none is near.
#[must_use]
pub fn nearest<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let got = got.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&got, name), name))
        // A third of the letters may be wrong: `probabilty`, `curropt`, `pice`.
        .filter(|&(distance, name)| distance <= name.len().max(3) / 3)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_a_foreign_one_finds_none() {
        let known = ["piece", "probability", "drop_requests", "for"];
        for (got, near) in [
            ("pice", Some("piece")),
            ("probabilty", Some("probability")),
            ("drop-requests", Some("drop_requests")),
            ("Fro", Some("for")),
            ("colour", None),
        ] {
            assert_eq!(nearest(got, known), near, "{got}");
        }
    }
}

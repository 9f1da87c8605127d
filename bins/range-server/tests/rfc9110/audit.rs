//! The list of requirements in `docs/rfc9110.md` names tests that exist.

use std::{fs, path::Path};

#[test]
fn every_test_that_the_list_names_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(here.join("../../docs/rfc9110.md")).unwrap();
    let named: Vec<_> = list
        .split('`')
        .filter(|word| word.starts_with('s'))
        .filter_map(|word| word.split_once("::"))
        .collect();
    assert!(named.len() > 80, "{} tests are named", named.len());
    for (file, test) in named {
        let source = fs::read_to_string(here.join(format!("tests/rfc9110/{file}.rs")));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(source.contains(&format!("#[test]\nfn {test}() {{")), "{file}::{test}");
    }
}

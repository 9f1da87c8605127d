//! The modules of the crate depend on each other in one direction.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The modules, each of which uses only those before it.
const ROOMS: [&str; 6] = ["catalog", "ffmpeg", "containers", "lock", "cli", "commands"];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.flat_map(files).collect()
}

/// The modules of the crate that a source file names after `crate::`.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.split_whitespace().collect::<String>();
    let mut used = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let mut depth = 0;
        let mut name = String::new();
        for character in after.chars() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            let is_outer = depth == usize::from(after.starts_with('{'));
            if is_outer && (character.is_alphanumeric() || character == '_') {
                name.push(character);
            } else {
                used.insert(std::mem::take(&mut name));
            }
            if depth == 0 && !character.is_alphanumeric() && character != '_' {
                break;
            }
        }
    }
    used.retain(|name| ROOMS.contains(&name.as_str()));
    used
}

#[test]
fn the_names_after_crate_are_found() {
    let text = "use crate::{\n    catalog::{Video, stock},\n    lock::Lock,\n}; crate::cli::Cli; (crate::make)";
    assert_eq!(used(text).into_iter().collect::<Vec<_>>(), ["catalog", "cli", "lock"]);
}

#[test]
fn each_module_uses_only_those_before_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&source) {
        let inside = path.strip_prefix(&source).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let Some(own) = ROOMS.iter().position(|room| *room == first.trim_end_matches(".rs")) else {
            assert!(["lib.rs", "main.rs"].contains(&first), "{first} is no known module");
            continue;
        };
        for name in used(&fs::read_to_string(&path).unwrap()) {
            let other = ROOMS.iter().position(|room| *room == name).unwrap();
            assert!(other <= own, "{} uses {name}", inside.display());
        }
    }
}

//! The documents are true where a program can tell: the tables of flags are those of the command line, the
//! README's example prints what it says, and every test and file that a document names exists.

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

use clap::CommandFactory as _;
use seedbed_testkit::binary;
use seedbed_tests::{bed::repository, flags};

fn document(name: &str) -> (PathBuf, String) {
    let path = repository().join(name);
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// The part of `text` between two markers.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start} is missing"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end} does not follow {start}")).0
}

#[test]
fn the_tables_of_flags_are_those_of_the_command_line() {
    let seedbed = seedbed::cli::Cli::command();
    let up = seedbed.find_subcommand("up").unwrap();
    let fetch = seedbed.find_subcommand("fetch").unwrap();
    let videos = seedbed_videos::cli::Cli::command();
    let generate = videos.find_subcommand("generate").unwrap();
    let commands = [
        ("seedbed up", up),
        ("seedbed fetch", fetch),
        ("seedbed-tracker", &seedbed_tracker::cli::Cli::command()),
        ("seedbed-seeder", &seedbed_seeder::cli::Cli::command()),
        ("seedbed-range", &seedbed_range::cli::Cli::command()),
        ("seedbed-videos generate", generate),
    ];
    let (path, mut text) = document("docs/flags.md");
    for (name, command) in commands {
        let (start, end) = (format!("<!-- flags: {name} -->\n"), "<!-- end -->");
        let shown = between(&text, &start, end).to_owned();
        let table = flags::table(command);
        if shown == table {
            continue;
        }
        assert!(env::var_os("UPDATE_README").is_some(), "{name} differs: run `make readme`");
        text = text.replace(&format!("{start}{shown}{end}"), &format!("{start}{table}{end}"));
        fs::write(&path, &text).unwrap();
    }
}

/// The default ports of a bed.
const PORTS: [u16; 4] = [8000, 3001, 3002, 6881];

/// Runs a script of the README with all ports moved by `offset`.
fn run_at(offset: u16, script: &str) -> Output {
    let mut script = script.to_owned();
    for port in PORTS {
        script = script.replace(&format!(":{port}/"), &format!(":{}/", port + offset));
    }
    let directory = binary("seedbed").parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths(std::iter::once(directory).chain(env::split_paths(&path))).unwrap();
    Command::new("sh")
        .args(["-c", &script])
        .current_dir(repository())
        .env("PATH", path)
        .env("SEEDBED_PORT_OFFSET", offset.to_string())
        .output()
        .unwrap()
}

#[test]
fn the_example_runs_and_prints_what_it_says() {
    let (_, text) = document("README.md");
    let shown = between(&text, "It prints\n\n```text\n", "```");
    let script = between(&text, "```sh\n#!/bin/sh", "```");
    // Whatever else runs on this machine may have the ports: the bed itself finds out.
    let mut outputs = (1000..50_000).step_by(997).map(|offset| run_at(offset, script));
    let has_its_ports =
        |output: &Output| !String::from_utf8_lossy(&output.stderr).contains("in use");
    let output = outputs.find(has_its_ports).expect("some ports are free");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), shown, "{log}");
}

/// All names in the sources of the workspace, those of tests among them.
fn names_in_the_workspace() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut directories: Vec<_> =
        ["bins", "compose", "crates", "tests"].map(|name| repository().join(name)).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(path).unwrap();
                // Macros make tests too, so that `fn` does not stand before each name.
                let words = source.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                names.extend(words.filter(|word| word.contains('_')).map(str::to_owned));
            }
        }
    }
    names
}

/// The tests in the last column of a document's tables whose head ends with `test`.
fn named_tests(document: &str) -> Vec<&str> {
    let mut named = Vec::new();
    let mut in_table = false;
    for line in document.lines() {
        let row = line.trim_end().strip_suffix('|');
        let Some((_, cell)) = row.and_then(|row| row.rsplit_once('|')) else {
            in_table = false;
            continue;
        };
        if cell.trim() == "test" {
            in_table = true;
        } else if in_table {
            named.extend(cell.split('`').skip(1).step_by(2));
        }
    }
    named
}

#[test]
fn every_test_that_a_document_names_exists() {
    let existing = names_in_the_workspace();
    for (name, fewest) in [("ARCHITECTURE.md", 30), ("docs/limits.md", 20)] {
        let (_, text) = document(name);
        let named = named_tests(&text);
        assert!(named.len() >= fewest, "{name} names {} tests", named.len());
        let missing: Vec<_> = named
            .into_iter()
            .filter(|test| !existing.contains(test.rsplit("::").next().unwrap()))
            .collect();
        assert!(missing.is_empty(), "{name} names tests that there are not: {missing:#?}");
    }
}

#[test]
fn every_file_that_a_document_links_to_exists() {
    let pages = fs::read_dir(repository().join("docs")).unwrap();
    let pages = pages.map(|page| page.unwrap().path());
    let others = ["README.md", "ARCHITECTURE.md"].map(|name| repository().join(name));
    for page in pages.chain(others) {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => page.clone(),
                path => page.with_file_name(path),
            };
            let linked = fs::read_to_string(&target);
            let linked = linked.unwrap_or_else(|error| panic!("{page:?}: {link}: {error}"));
            let mut headings = linked.lines().filter(|line| line.starts_with('#')).map(anchor);
            assert!(heading.is_empty() || headings.any(|name| name == heading), "{page:?}: {link}");
        }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

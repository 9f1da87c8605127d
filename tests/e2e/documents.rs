//! What the README shows is true: its tables are those of the command line, its example runs.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

use clap::CommandFactory as _;
use seedbed_testkit::binary;
use seedbed_tests::{bed::repository, flags};

fn readme() -> (PathBuf, String) {
    let path = repository().join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// The part of `text` between two markers.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{start} is in the README"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end} follows {start} in the README")).0
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
    let (path, mut text) = readme();
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
    let (_, text) = readme();
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

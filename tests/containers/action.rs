//! What the GitHub Action runs: a bed from the all-in-one image, and its URLs as outputs.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use seedbed_testkit::{get, get_json};
use seedbed_tests::{
    bed::repository,
    containers::{Container, beside_others, docker, run, succeeded, try_docker, unique_name},
};
use url::Url;

/// A bed that the script was told to start. It goes when the test ends.
struct Started {
    container: Container,
    output: Output,
    outputs: BTreeMap<String, String>,
}

impl Started {
    fn printed(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn get(&self, output: &str, path: &str) -> Url {
        let url = self.outputs.get(output).unwrap_or_else(|| panic!("no output {output}"));
        format!("{url}{path}").parse().unwrap()
    }

    /// Whether the script left its container behind.
    fn is_there(&self) -> bool {
        try_docker(&["inspect", &self.container.0]).status.success()
    }
}

/// Runs the script as `action.yml` does, with these of its inputs in place of the usual ones.
fn start_bed(inputs: &[(&str, &str)]) -> Started {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("output");
    let container = Container(unique_name());
    let mut command = Command::new(repository().join("deploy/action/start-bed.sh"));
    command.env("GITHUB_OUTPUT", &file).env("NAME", &container.0).env("IMAGE", "seedbed");
    command.envs([("NAMESPACE", ""), ("CONTENT", ""), ("BIND", "127.0.0.1"), ("TIMEOUT", "60")]);
    let output = run(command.envs(inputs.iter().copied()));
    let lines = fs::read_to_string(&file).unwrap_or_default();
    let outputs = lines.lines().map(|line| line.split_once('=').unwrap());
    let outputs = outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Started { container, output, outputs }
}

/// An offset that puts a bed's ports below those of outgoing connections. No two calls return the
/// same.
fn next_offset() -> String {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let next = std::process::id() + 7 * CALLS.fetch_add(1, Ordering::Relaxed);
    (10_000 + next % 14_000).to_string()
}

/// Starts a bed at the first offset where its ports are free, which the bed itself finds out.
/// Returns the offset too.
fn start_bed_on_free_ports(inputs: &[(&str, &str)]) -> (String, Started) {
    loop {
        let offset = next_offset();
        let bed = start_bed(&[&[("PORT_OFFSET", &*offset)], inputs].concat());
        if !bed.printed().contains("is in use (") {
            return (offset, bed);
        }
    }
}

#[test]
fn every_url_that_the_action_gives_answers_and_a_second_bed_on_its_ports_fails_with_the_reason() {
    let _guard = beside_others();
    let (offset, bed) = start_bed_on_free_ports(&[("NAMESPACE", "action")]);
    succeeded("start-bed.sh", &bed.output);
    assert_eq!(get(&bed.get("tracker-url", "/health")).status, 200);
    // An announce without an infohash is answered, with an error.
    assert!(get(&bed.get("announce-url", "")).text().contains("failure reason"));
    assert_eq!(get(&bed.get("range-url", "/test-small-720p.mp4")).body.len(), 1_048_576);
    let torrents = get_json(&bed.get("seeder-url", "/torrents"));
    let magnet = torrents[0]["magnetURI"].as_str().unwrap();
    for output in ["announce-url", "udp-announce-url"] {
        let url: String =
            url::form_urlencoded::byte_serialize(bed.outputs[output].as_bytes()).collect();
        assert!(magnet.contains(&format!("tr={url}")), "{output} in {magnet}");
    }
    assert_eq!(docker(&["inspect", "--format", "{{.Name}}", &bed.outputs["container"]]), {
        format!("/{}", bed.container.0)
    });

    let second = start_bed(&[("PORT_OFFSET", &offset)]);
    assert_eq!(second.output.status.code(), Some(1), "{}", second.printed());
    let printed = second.printed();
    let reason = printed.lines().last().unwrap();
    assert!(reason.starts_with("::error::the bed failed to start: "), "{printed}");
    assert!(reason.contains("is in use (tracker, "), "{printed}");
    assert!(!second.is_there() && second.outputs.is_empty());

    // A name that is taken is not the script's to remove.
    let inputs = [("PORT_OFFSET", "0"), ("NAME", &bed.container.0)];
    let third = start_bed(&inputs);
    assert_eq!(third.output.status.code(), Some(1), "{}", third.printed());
    assert!(bed.is_there());
}

#[test]
fn a_directory_of_content_is_what_the_bed_has() {
    let _guard = beside_others();
    let content = tempfile::tempdir().unwrap();
    // The bed is another user.
    fs::set_permissions(content.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(content.path().join("notes.txt"), "content of the caller's own").unwrap();
    let path = content.path().to_str().unwrap();
    let (_, bed) = start_bed_on_free_ports(&[("CONTENT", path)]);
    succeeded("start-bed.sh", &bed.output);
    let torrents = get_json(&bed.get("seeder-url", "/torrents"));
    let names = torrents.as_array().unwrap().iter().map(|torrent| torrent["name"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["notes"]);
    assert_eq!(get(&bed.get("range-url", "/notes.txt")).text(), "content of the caller's own");
}

#[test]
fn a_bed_that_cannot_be_had_fails_with_the_reason_and_leaves_nothing() {
    let _guard = beside_others();
    let empty = tempfile::tempdir().unwrap();
    fs::set_permissions(empty.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (input, value, reason) in [
        ("CONTENT", "/nothing/here", "wanted a content directory, got \"/nothing/here\""),
        ("CONTENT", empty.path().to_str().unwrap(), "nothing to seed"),
        ("PORT_OFFSET", "-1", "wanted a port offset in decimal, got \"-1\""),
        ("TIMEOUT", "soon", "wanted a time-out in seconds, got \"soon\""),
        ("TIMEOUT", "0.1", "wanted a time-out in seconds, got \"0.1\""),
        ("BIND", "nowhere", "nowhere"),
    ] {
        let (_, bed) = start_bed_on_free_ports(&[(input, value)]);
        assert_eq!(bed.output.status.code(), Some(1), "{input}={value}: {}", bed.printed());
        let printed = bed.printed();
        let last = printed.lines().last().unwrap();
        assert!(last.starts_with("::error::") && last.contains(reason), "{input}: {printed}");
        assert!(!bed.is_there(), "{input}={value} leaves a container");
        assert!(bed.outputs.is_empty(), "{input}={value}: {:?}", bed.outputs);
    }
}

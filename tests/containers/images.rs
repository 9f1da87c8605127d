//! What the images are, and how they run.

use std::{fs, process::Command};

use seedbed_testkit::{get, sha256, sha256_file, wait_until};
use seedbed_tests::{
    bed::stock_videos,
    containers::{
        Container, Image, beside_others, docker, figure, inspect, run, succeeded, try_docker,
        unique_name,
    },
};
use serde_json::Value;

use crate::client::shell;

/// The images that run servers.
const SERVERS: [&str; 4] = ["seedbed-tracker", "seedbed-seeder", "seedbed-range", "seedbed"];

/// How the containers of every compose file and manifest are run: flags of `docker run`.
fn hardened() -> Vec<&'static str> {
    const SECCOMP: &str =
        concat!("seccomp=", env!("CARGO_MANIFEST_DIR"), "/../compose/seccomp.json");
    let flags = ["--read-only", "--cap-drop", "ALL", "--user", "65532:65532"];
    [&flags[..], &["--security-opt", "no-new-privileges", "--security-opt", SECCOMP]].concat()
}

/// Starts a hardened container and waits until it is healthy.
fn start_hardened(args: &[&str]) -> Container {
    let flags = hardened();
    let container = Container::start(&[&flags, &["--health-interval", "200ms"][..], args].concat());
    wait_until("the container to be healthy", || container.health() == "healthy");
    container
}

fn address(container: &Container) -> String {
    let network = &inspect(&container.0)["NetworkSettings"];
    network["IPAddress"].as_str().unwrap().to_owned()
}

#[test]
fn tracker_and_range_take_at_most_6_mb_the_seeder_12_and_the_bed_what_its_videos_take() {
    let _guard = beside_others();
    for (image, most) in [
        ("seedbed-tracker", 6.0),
        ("seedbed-range", 6.0),
        ("seedbed-seeder", 12.0),
        // 36 MB of videos, and 71 MB of their segments for HTTP Live Streaming.
        ("seedbed", 130.0),
    ] {
        let size = inspect(image)["Size"].as_f64().unwrap() / 1e6;
        figure(format_args!("{image}: {size:.2} MB (at most {most})"));
        assert!(size <= most, "{image} takes {size} MB");
    }
}

#[test]
fn the_all_in_one_image_has_the_segments_that_its_banner_promises() {
    let _guard = beside_others();
    let bed = start_hardened(&["seedbed"]);
    for path in
        ["hls/one-minute-720p30/ts/index.m3u8", "hls-live/one-minute-720p30/fmp4/index.m3u8"]
    {
        let url = format!("http://{}:3002/{path}", address(&bed));
        let playlist = get(&url.parse().unwrap());
        assert_eq!(playlist.status, 200, "{path}");
        assert!(playlist.text().starts_with("#EXTM3U"), "{path}: {}", playlist.text());
    }
}

#[test]
fn the_stage_of_the_all_in_one_image_holds_all_videos_and_segments() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    fs::write(from.path().join("seedbed"), "no binary").unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../images/stage.sh");
    let _there = stock_videos();
    let mut stage = Command::new(script);
    succeeded("staging", &run(stage.arg("seedbed").args([from.path(), to.path()])));
    for path in ["test-small-720p.mp4", ".hls/one-minute-720p30/ts/index.m3u8"] {
        assert!(to.path().join("content/videos").join(path).is_file(), "{path}");
    }
}

#[test]
fn images_say_who_they_are_and_run_as_nobody() {
    let _guard = beside_others();
    for image in SERVERS.into_iter().chain(["seedbed-videos"]) {
        let config = &inspect(image)["Config"];
        assert_eq!(config["User"], "65532:65532", "{image}");
        assert_eq!(config["StopSignal"], "SIGTERM", "{image}");
        let label = |name: &str| {
            let name = format!("org.opencontainers.image.{name}");
            config["Labels"][&name].as_str().unwrap_or_else(|| panic!("{image} has {name}"))
        };
        assert_eq!(label("title"), image);
        assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(label("licenses"), "MIT OR Apache-2.0");
        assert!(!label("revision").is_empty(), "{image}");
        let _may_be_empty = label("source");
        let health = &config["Healthcheck"]["Test"];
        if image == "seedbed-videos" {
            assert!(health.is_null(), "it ends: {health}");
        } else {
            assert_eq!(health[2], "healthcheck", "{image}");
        }
    }
}

#[test]
fn servers_run_hardened() {
    let _guard = beside_others();
    let videos = format!("{}:/videos:ro", stock_videos().canonicalize().unwrap().display());
    for args in [
        &["seedbed-tracker"][..],
        &["--volume", &videos, "seedbed-seeder", "--content", "/videos"],
        &["--volume", &videos, "seedbed-range", "--root", "/videos"],
        &["seedbed"],
    ] {
        let container = start_hardened(args);
        let state = inspect(&container.0);
        let pid = state["State"]["Pid"].as_u64().unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {status}")).trim_start_matches(':').trim()
        };
        assert_eq!(field("Uid"), "65532\t65532\t65532\t65532", "{args:?}");
        assert_eq!(field("Gid"), "65532\t65532\t65532\t65532", "{args:?}");
        for capabilities in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(capabilities), "0000000000000000", "{args:?} {capabilities}");
        }
        assert_eq!(field("NoNewPrivs"), "1", "{args:?}");
        assert_eq!(field("Seccomp"), "2", "{args:?}: system calls are filtered");
        // And it ends in time when it is told to.
        docker(&["stop", "--time", "2", &container.0]);
        assert_eq!(inspect(&container.0)["State"]["ExitCode"], 0, "{args:?}");
    }
}

#[test]
fn the_profile_denies_io_uring_and_new_namespaces() {
    let _guard = beside_others();
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("try.c");
    // io_uring_setup, enter and register; unshare; a clone into a new user namespace.
    let code = "#define _GNU_SOURCE\n#include <errno.h>\n#include <stdio.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
        int main(void) {\n\
        long calls[5][2] = {{425, 0}, {426, 0}, {427, 0}, {SYS_unshare, 0x10000000}, {SYS_clone, 0x10000011}};\n\
        for (int i = 0; i < 5; i++) { errno = 0; long got = syscall(calls[i][0], calls[i][1], 0, 0, 0, 0, 0);\n\
        if (got == 0 && i == 4) _exit(0); printf(\"%ld %d\\n\", got, errno); }\n\
        return 0; }\n";
    fs::write(&source, code).unwrap();
    let image = Image(unique_name());
    let mut command = Command::new("sh");
    let script = "cc -static -o \"$1/try\" \"$1/try.c\" && rm \"$1/try.c\" && tar -C \"$1\" -c . | docker import - \"$2\"";
    command.args(["-c", script, "sh"]).arg(directory.path()).arg(&image.0);
    succeeded("making an image", &run(&mut command));
    let flags = hardened();
    let output = try_docker(&[&["run", "--rm"], &flags[..], &[image.0.as_str(), "/try"]].concat());
    let printed = succeeded("trying", &output);
    // EPERM, five times.
    assert_eq!(printed.lines().collect::<Vec<_>>(), ["-1 1"; 5]);
}

#[test]
fn the_names_of_wget_curl_and_sh_are_the_probe() {
    let _guard = beside_others();
    for image in SERVERS {
        for tool in ["wget", "curl"] {
            let output = try_docker(&["run", "--rm", "--entrypoint", tool, image, "-d"]);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{image}");
            assert!(stderr.starts_with(&format!("{tool}: the option -d")), "{image}: {stderr}");
        }
    }
    let tracker = start_hardened(&["seedbed-tracker"]);
    let code = |command: &[&str]| {
        let output = try_docker(&[&["exec", &tracker.0], command].concat());
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let good = "http://localhost:8000/stats";
    let wrong = "http://localhost:8000/nothing";
    let nobody = "http://localhost:8001/stats";
    for (command, wanted) in [
        (&["wget", "--no-verbose", "--tries=1", "--spider", good][..], 0),
        (&["wget", "--spider", wrong], 8),
        (&["wget", "--spider", nobody], 4),
        (&["curl", "-f", "-s", "-o", "/dev/null", good], 0),
        (&["curl", "-f", "-s", "-o", "/dev/null", wrong], 22),
        (&["curl", "-f", "-s", "-o", "/dev/null", nobody], 7),
        (&["curl", "-s", "-o", "/dev/null", wrong], 0),
        (&["/bin/sh", "-c", "wget -q --spider http://localhost:8000/stats || exit 1"], 0),
        (&["/bin/sh", "-c", "wget -q --spider http://localhost:8001/stats || exit 1"], 1),
        (&["/bin/sh", "-c", "curl -fsS localhost:8000/health > /dev/null 2>&1 && exit 0"], 0),
    ] {
        assert_eq!(code(command).0, wanted, "{command:?}");
    }
    let (_, statistics) = code(&["wget", "-qO-", "http://localhost:8000/stats.json"]);
    let statistics: Value = serde_json::from_str(&statistics).unwrap();
    assert_eq!(statistics["torrents"], 0);
}

#[test]
fn a_bed_is_one_docker_run() {
    let _guard = beside_others();
    let bed = start_hardened(&["seedbed"]);
    let address = address(&bed);
    for fixture in fs::read_dir(stock_videos()).unwrap().map(Result::unwrap) {
        let name = fixture.file_name().into_string().unwrap();
        if name.starts_with('.') || fixture.file_type().unwrap().is_dir() {
            continue;
        }
        let served = get(&format!("http://{address}:3002/{name}").parse().unwrap());
        assert_eq!(sha256(&served.body), sha256_file(&fixture.path()), "{name}");
    }
    // Its magnet links are for this host; a client in another container is found by its announce.
    let output = shell(
        "bridge",
        &format!(
            "cd /tmp 2>/dev/null || cd /; curl -sf http://{address}:3001/torrents/test-small-720p.torrent >t && \
             aria2c --no-conf -q --seed-time=0 --enable-dht=false --bt-tracker=http://{address}:8000/announce \
             --bt-exclude-tracker='*' t && sha256sum test-small-720p.mp4"
        ),
    );
    let sum = sha256_file(&stock_videos().join("test-small-720p.mp4"));
    assert_eq!(output.split(' ').next(), Some(&*sum));
}

#[test]
fn the_image_of_videos_makes_them_as_locked_into_a_new_volume() {
    let _guard = beside_others();
    let volume = unique_name();
    let mount = format!("{volume}:/videos");
    let flags = hardened();
    let rest = ["--tmpfs", "/tmp", "--volume", &mount, "seedbed-videos"];
    let videos = |args: &[&str]| {
        try_docker(&[&["run", "--rm"], &flags[..], &rest, args, &["test-second-360p"]].concat())
    };
    let made = videos(&["generate", "--locked"]);
    let verified = videos(&["verify"]);
    docker(&["volume", "rm", &volume]);
    succeeded("generate", &made);
    succeeded("verify", &verified);
}

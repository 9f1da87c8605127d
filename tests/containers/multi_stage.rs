//! The Dockerfile from its first stage on, with a stand-in for the image of Rust, which cannot be
//! pulled everywhere.

use std::{fs, process::Command};

use seedbed_testkit::wait_until;
use seedbed_tests::{
    bed::repository,
    containers::{
        Container, beside_others, docker, figure, inspect, run, succeeded, try_docker, unique_name,
    },
};

/// The images of one build, removed when the test ends.
struct Images(String);

impl Drop for Images {
    fn drop(&mut self) {
        let _gone = try_docker(&["image", "rm", &format!("{}-image", self.0)]);
        // Those of the first stage are below no name: they have its label.
        let label = format!("label=seedbed-test={}", self.0);
        let _gone = try_docker(&["image", "prune", "--force", "--filter", &label]);
        let _gone = try_docker(&["image", "rm", &format!("{}-rust", self.0)]);
    }
}

#[test]
fn the_dockerfile_compiles_and_the_image_runs() {
    let _guard = beside_others();
    let images = Images(unique_name());
    let (image, rust) = (format!("{}-image", images.0), format!("{}-rust", images.0));
    let toolchain = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let script = "tests/containers/toolchain.sh \"$1\" && tar -C \"$1\" -c . | docker import \
        --change 'ENV PATH=/rust/bin:/bin CARGO_HOME=/cargo CARGO_NET_OFFLINE=true' --change \"LABEL seedbed-test=$3\" - \"$2\"";
    command.args(["-c", script, "sh"]).arg(toolchain.path()).args([&rust, &images.0]);
    succeeded("making a stand-in", &run(command.current_dir(repository())));
    drop(toolchain);

    let mut command = Command::new("docker");
    if !try_docker(&["buildx", "version"]).status.success() {
        command.env("DOCKER_BUILDKIT", "0");
    }
    command.args(["build", "--force-rm", "--file", "images/Dockerfile", "--target", "server"]);
    command.args(["--tag", &image]);
    for argument in [
        &format!("RUST_IMAGE={rust}"),
        // One that is quick to compile.
        "BINARIES=seedbed-range",
        "BINARY=seedbed-range",
        "VERSION=1.2.3",
    ] {
        command.args(["--build-arg", argument]);
    }
    succeeded("docker build", &run(command.arg(".").current_dir(repository())));

    assert_eq!(inspect(&image)["Config"]["Labels"]["org.opencontainers.image.version"], "1.2.3");
    let size = inspect(&image)["Size"].as_f64().unwrap() / 1e6;
    figure(format_args!("{size:.2} MB"));
    let flags = ["--read-only", "--health-interval", "200ms"];
    let container = Container::start(&[&flags[..], &[&image, "--root", "/videos"]].concat());
    wait_until("the container to be healthy", || container.health() == "healthy");
    assert_eq!(docker(&["exec", &container.0, "wget", "-qO-", "http://localhost:3002/version"]), {
        let version = env!("CARGO_PKG_VERSION");
        format!(r#"{{"name":"seedbed-range","version":"{version}"}}"#)
    });
}

#[test]
fn the_image_of_rust_is_the_toolchain_that_everything_else_is_built_with() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap();
    let wanted = format!("ARG RUST_IMAGE=rust:{}-slim-bookworm", channel.trim_matches('"'));
    assert!(read("images/Dockerfile").lines().any(|line| line == wanted), "wanted {wanted}");
}

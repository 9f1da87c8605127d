//! A bed of containers, brought up by compose under a project name of its own.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use seedbed_testkit::{eventually, get_json};
use serde_json::Value;
use url::Url;

use super::engine::{docker, inspect, run, succeeded, unique_name};
use crate::bed::{Fixture, fixtures, repository, stock_videos};

/// A bed, which goes with all that belongs to it when the test ends.
#[derive(Debug)]
pub struct Bed {
    /// The project's name.
    pub project: String,
    /// The compose files. Paths in them are below the directory of the first.
    files: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
    /// How many services have a health check.
    probed: usize,
}

impl Bed {
    /// The bed of `compose/compose.yaml`, not yet up, with the stock videos. `settings` are added to
    /// its environment.
    ///
    /// # Panics
    /// The videos have not been made.
    #[must_use]
    pub fn new(settings: &[(&str, &str)]) -> Self {
        let videos = stock_videos().canonicalize().expect("the videos have a path");
        let mut bed = Self::of_file(&repository().join("compose/compose.yaml"));
        let mut set = |name: &str, value: &str| {
            bed.environment.insert(name.to_owned(), value.to_owned());
        };
        set("COMPOSE_PROFILES", "full");
        set("SEEDBED_VIDEOS", videos.to_str().expect("a path in UTF-8"));
        for name in ["TRACKER", "SEEDER", "PEER", "RANGE"] {
            set(&format!("SEEDBED_{name}_PORT"), "0");
        }
        for (name, value) in settings {
            set(name, value);
        }
        bed
    }

    /// A bed of another compose file, not yet up, with three services that have health checks.
    #[must_use]
    pub fn of_file(file: &Path) -> Self {
        let files = vec![file.to_owned()];
        Self { project: unique_name(), files, environment: BTreeMap::new(), probed: 3 }
    }

    /// The same with a file that adds a service with a health check.
    #[must_use]
    pub fn and(mut self, file: &Path) -> Self {
        self.files.push(file.to_owned());
        self.probed += 1;
        self
    }

    /// The same with the profile `network`: conditions on the seeder, a gateway, and a network behind it.
    #[must_use]
    pub fn with_network(mut self) -> Self {
        self.environment.insert("COMPOSE_PROFILES".to_owned(), "full,network".to_owned());
        self.probed += 3;
        self
    }

    /// Brings it up and waits until it is healthy.
    ///
    /// # Panics
    /// It does not become healthy.
    #[must_use]
    pub fn up(self) -> Self {
        self.compose(&["up", "-d"]);
        self.wait_until_healthy();
        self
    }

    /// Runs a command of compose on it that has to succeed.
    ///
    /// # Panics
    /// It fails.
    pub fn compose(&self, args: &[&str]) -> String {
        succeeded(&format!("compose {args:?}"), &self.try_compose(args))
    }

    fn try_compose(&self, args: &[&str]) -> Output {
        let plugin = Command::new("docker").args(["compose", "version"]).output();
        let mut command = if plugin.is_ok_and(|output| output.status.success()) {
            let mut command = Command::new("docker");
            command.arg("compose");
            command
        } else {
            Command::new("docker-compose")
        };
        let directory = self.files.first().and_then(|file| file.parent());
        // It looks for its profile of system calls in the directory that it is run in.
        command.current_dir(directory.expect("a file lies in a directory")).envs(&self.environment);
        command.args(self.files.iter().flat_map(|file| [OsStr::new("--file"), file.as_os_str()]));
        command.args(["--project-name", &self.project]);
        run(command.args(args))
    }

    /// All its containers, also those that have ended.
    #[must_use]
    pub fn containers(&self) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let list = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        list.lines().map(str::to_owned).collect()
    }

    /// The container of a service.
    #[must_use]
    pub fn container(&self, service: &str) -> String {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        docker(&["ps", "--all", "--quiet", "--filter", &project, "--filter", &service])
    }

    /// Waits until all services are healthy that have a health check.
    ///
    /// # Panics
    /// They do not become so.
    pub fn wait_until_healthy(&self) {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let args = ["ps", "--quiet", "--filter", &label, "--filter", "health=healthy"];
        eventually("all services to be healthy", || {
            (docker(&args).lines().count() == self.probed).then_some(())
        });
    }

    /// Its network.
    #[must_use]
    pub fn network(&self) -> String {
        format!("{}_bed", self.project)
    }

    /// A URL by which this host reaches a service: in its network, as the engine's bridges allow.
    ///
    /// # Panics
    /// The service does not run.
    #[must_use]
    pub fn url(&self, service: &str, port: u16, path: &str) -> Url {
        let container = inspect(&self.container(service));
        let networks = container["NetworkSettings"]["Networks"].as_object().expect("networks");
        let address = networks.values().next().and_then(|network| network["IPAddress"].as_str());
        let address = address.expect("a container has an address");
        format!("http://{address}:{port}{path}").parse().expect("a path makes a URL")
    }

    /// What the tracker answers.
    ///
    /// # Panics
    /// It answers with an error.
    #[must_use]
    pub fn tracker(&self, path: &str) -> Value {
        get_json(&self.url("tracker", 8000, path))
    }

    /// What the seeder answers.
    ///
    /// # Panics
    /// It answers with an error.
    #[must_use]
    pub fn seeder(&self, path: &str) -> Value {
        get_json(&self.url("seeder", 3001, path))
    }

    /// The three videos that the projects we serve have tests for.
    ///
    /// # Panics
    /// One is missing.
    #[must_use]
    pub fn videos(&self) -> Vec<Fixture> {
        let mut list = fixtures(&self.seeder("/torrents"));
        list.retain(|fixture| {
            ["test-small-720p", "test-medium-1080p", "test-large-4k"].contains(&&*fixture.name)
        });
        assert_eq!(list.len(), 3);
        list
    }

    /// Takes it down, volumes included.
    ///
    /// # Panics
    /// That fails.
    pub fn down(&self) {
        self.compose(&["down", "--volumes", "--remove-orphans"]);
    }
}

impl Drop for Bed {
    #[expect(clippy::print_stderr, reason = "a failing test shows the logs of its containers")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.try_compose(&["logs", "--no-color"]);
            eprintln!(
                "--- logs of {} ---\n{}",
                self.project,
                String::from_utf8_lossy(&logs.stdout)
            );
        }
        self.try_compose(&["down", "--volumes", "--remove-orphans"]);
    }
}

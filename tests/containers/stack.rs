//! The stack file, deployed on a Swarm of one node.

use std::{collections::BTreeSet, fs::File, process::Command, time::Instant};

use seedbed_testkit::wait_until;
use seedbed_tests::{
    bed::{Fixture, fixtures, repository},
    containers::{beside_others, docker, figure, run, succeeded, try_docker, unique_name},
};
use serde_json::Value;

use crate::client::{Download, shell};

/// What a node has that a test made a Swarm of.
const LABEL: &str = "seedbed-test";

/// This engine as a Swarm. One that it was not before the test it is not after it.
struct Swarm {
    is_ours: bool,
    had_bridge: bool,
    /// An engine is in one Swarm at a time.
    _lock: File,
}

impl Swarm {
    fn join() -> Self {
        let lock = File::create(std::env::temp_dir().join("seedbed-test-swarm.lock")).unwrap();
        lock.lock().unwrap();
        let state = docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]);
        let had_bridge = try_docker(&["network", "inspect", "docker_gwbridge"]).status.success();
        if state == "inactive" {
            docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
            let swarm = Self { is_ours: true, had_bridge, _lock: lock };
            let node = docker(&["info", "--format", "{{.Swarm.NodeID}}"]);
            docker(&["node", "update", "--label-add", LABEL, &node]);
            return swarm;
        }
        // Ours all the same if a test made it that was killed.
        let labels = docker(&["node", "inspect", "self", "--format", "{{json .Spec.Labels}}"]);
        Self { is_ours: labels.contains(LABEL), had_bridge, _lock: lock }
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        if self.is_ours {
            let _left = try_docker(&["swarm", "leave", "--force"]);
            if !self.had_bridge {
                let _gone = try_docker(&["network", "rm", "docker_gwbridge"]);
            }
        }
    }
}

/// The stack, removed when the test ends.
struct Stack(String);

impl Stack {
    fn deploy(environment: &[(&str, &str)]) -> Self {
        let stack = Self(unique_name());
        let mut command = Command::new("docker");
        command.args(["stack", "deploy", "--resolve-image", "never", "--compose-file"]);
        command.arg(repository().join("deploy/swarm/stack.yaml")).arg(&stack.0);
        succeeded("docker stack deploy", &run(command.envs(environment.iter().copied())));
        stack
    }

    fn network(&self) -> String {
        format!("{}_bed", self.0)
    }

    fn scale(&self, seeders: usize) {
        let service = format!("{}_seeder={seeders}", self.0);
        docker(&["service", "scale", "--detach", &service]);
    }

    /// Waits until so many seeders run, and the other services with them.
    fn wait_for(&self, seeders: usize) {
        let mut wanted = [
            format!("{}_range 1/1", self.0),
            format!("{}_seeder {seeders}/{seeders}", self.0),
            format!("{}_tracker 1/1", self.0),
        ];
        wanted.sort();
        let args = ["stack", "services", "--format", "{{.Name}} {{.Replicas}}", &self.0];
        wait_until("all replicas to run", || {
            let list = docker(&args);
            let mut running: Vec<_> = list.lines().collect();
            running.sort_unstable();
            running == wanted
        });
    }

    /// What a service answers to a client in the stack's network.
    fn get(&self, url: &str) -> Value {
        let text = shell(&self.network(), &format!("curl -sf {url}"));
        serde_json::from_str(&text).unwrap()
    }

    /// Asserts that the tracker lists so many seeders of one torrent and nothing else, each another
    /// peer, and gives their addresses.
    fn assert_listed(&self, torrent: &Fixture, seeders: usize) -> BTreeSet<String> {
        let list = self.get("http://tracker:8000/api/torrents");
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        let swarm = self.get(&format!("http://tracker:8000/api/torrents/{}", torrent.hash));
        let peers = swarm["peers"].as_array().unwrap();
        let distinct = |field: &str| -> BTreeSet<String> {
            peers.iter().map(|peer| peer[field].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(peers.len(), seeders, "{swarm}");
        assert!(peers.iter().all(|peer| peer["left"] == 0), "{swarm}");
        assert_eq!(distinct("id").len(), seeders, "{swarm}");
        let addresses = distinct("address");
        assert_eq!(addresses.len(), seeders, "{swarm}");
        addresses
    }
}

impl Drop for Stack {
    #[expect(clippy::print_stderr, reason = "a failing test shows the log of its services")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            for args in [
                vec!["stack", "ps", "--no-trunc", &self.0],
                vec!["service", "logs", "--raw", &format!("{}_seeder", self.0)],
            ] {
                let output = try_docker(&args);
                eprintln!("--- {args:?} ---\n{}", String::from_utf8_lossy(&output.stdout));
            }
        }
        let _gone = try_docker(&["stack", "rm", &self.0]);
        // The command ends before the stack is gone. A test that already fails does not wait for it.
        if !std::thread::panicking() {
            let label = format!("label=com.docker.stack.namespace={}", self.0);
            let filter = ["-q", "--filter", &label];
            wait_until("the stack to be gone", || {
                [&["ps", "-a"][..], &["network", "ls"]]
                    .iter()
                    .all(|list| try_docker(&[list, &filter[..]].concat()).stdout.is_empty())
            });
        }
    }
}

#[test]
fn a_stack_seeds_the_same_torrent_from_every_replica_and_scales() {
    let _guard = beside_others();
    let _swarm = Swarm::join();
    let begun = Instant::now();
    let stack = Stack::deploy(&[("SEEDBED_SYNTHETIC", "synthetic.mp4=8MiB,seed=1")]);
    stack.wait_for(3);
    figure(format!("three seeders after {:.1} s", begun.elapsed().as_secs_f64()));
    let torrents = fixtures(&stack.get("http://seeder:3001/torrents"));
    let seeders = stack.assert_listed(&torrents[0], 3);

    // Slow enough that every seeder is asked for something.
    Download::start(&stack.network(), &torrents, "--max-overall-download-limit=4M")
        .finish(&torrents);
    for seeder in &seeders {
        let host = seeder.rsplit_once(':').unwrap().0;
        let inventory = stack.get(&format!("http://{host}:3001/torrents"));
        assert_eq!(inventory[0]["hash"], torrents[0].hash.as_str());
        let uploaded = inventory[0]["uploaded"].as_u64().unwrap();
        figure(format!("{host} sent {uploaded} bytes"));
        assert!(uploaded > 0, "{inventory}");
    }
    // The same bytes from the range server.
    let served = shell(
        &stack.network(),
        "curl -sf 'http://range:3002/synthetic/8388608?seed=1' | sha256sum",
    );
    assert_eq!(served.split(' ').next(), Some(&*torrents[0].files[0].1));

    let begun = Instant::now();
    stack.scale(6);
    stack.wait_for(6);
    figure(format!("six after {:.1} s more", begun.elapsed().as_secs_f64()));
    assert!(stack.assert_listed(&torrents[0], 6).is_superset(&seeders));
}

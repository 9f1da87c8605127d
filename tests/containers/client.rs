//! A real client in a container of its own: aria2, in an image that is made of this host's programs,
//! since the tests pull none.

use std::{collections::BTreeMap, sync::LazyLock};

use seedbed_tests::{
    bed::Fixture,
    containers::{Container, docker, import, try_docker},
};

/// What the image has.
const PROGRAMS: [&str; 4] = ["sh", "aria2c", "curl", "sha256sum"];

/// The image, which stays for the next run.
fn image() -> &'static str {
    static IMAGE: LazyLock<String> = LazyLock::new(|| {
        let image = format!("seedbed-test-client:{}", PROGRAMS.join("-"));
        if !try_docker(&["image", "inspect", &image]).status.success() {
            import(&image, &PROGRAMS, &[]);
        }
        image
    });
    &IMAGE
}

/// Runs a shell command in a container on `network`, and gives what it prints.
pub(crate) fn shell(network: &str, script: &str) -> String {
    docker(&["run", "--rm", "--network", network, image(), "sh", "-c", script])
}

/// A client that downloads these torrents by their magnet links.
pub(crate) struct Download(Container);

impl Download {
    /// Starts it. `options` are aria2's.
    pub(crate) fn start(network: &str, torrents: &[Fixture], options: &str) -> Self {
        let script = format!(
            "cd /downloads && aria2c --no-conf --seed-time=0 --enable-dht=false --enable-dht6=false \
             --bt-enable-lpd=false --enable-peer-exchange=false --bt-tracker-interval=1 \
             --file-allocation=none --summary-interval=0 {options} --force-sequential \"$@\" && \
             sha256sum *.mp4"
        );
        let args =
            ["--network", network, "--tmpfs", "/downloads", image(), "sh", "-c", &script, "sh"];
        let magnets: Vec<&str> = torrents.iter().map(|torrent| torrent.magnet.as_str()).collect();
        Self(Container::start(&[&args[..], &magnets].concat()))
    }

    /// Its container.
    pub(crate) fn container(&self) -> &str {
        &self.0.0
    }

    /// Whether it is still at it.
    pub(crate) fn is_running(&self) -> bool {
        docker(&["inspect", "--format", "{{.State.Running}}", &self.0.0]) == "true"
    }

    /// Waits for its end, and compares what it got with what the inventory says.
    pub(crate) fn finish(self, torrents: &[Fixture]) {
        let (code, log) = self.0.finish();
        assert_eq!(code, "0", "{log}");
        let got: BTreeMap<&str, &str> = log
            .lines()
            .filter_map(|line| line.split_once("  "))
            .filter(|(sum, _)| sum.len() == 64)
            .map(|(sum, path)| (path, sum))
            .collect();
        let wanted: BTreeMap<&str, &str> = torrents
            .iter()
            .flat_map(|torrent| &torrent.files)
            .map(|(path, sum)| (path.as_str(), sum.as_str()))
            .collect();
        assert_eq!(got, wanted);
    }
}

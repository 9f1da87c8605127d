//! The bed and the app: running elsewhere, as processes of this test, or in containers.

use std::{
    env, fs,
    net::{SocketAddr, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    process::Command,
};

use seedbed_testkit::{Response, Server, binary, get, get_json, request, wait_until};
use seedbed_tests::{
    bed::{Fixture, fixtures, stock_videos},
    containers::{self, Image, docker, import, unique_name},
};
use tempfile::TempDir;
use url::{Position, Url};

/// The URLs of the app and of the bed's servers, and the bed's torrents.
pub(crate) struct Bed {
    stream: Url,
    seeder: Url,
    range: Url,
    fixtures: Vec<Fixture>,
    home: Home,
}

/// Where the bed and the app run.
enum Home {
    /// Processes that were started for this run.
    Processes(Box<Processes>),
    /// Containers that were started for this run, with this image of the app.
    Containers { bed: containers::Bed, _image: Image },
    /// Elsewhere, at the URLs that the environment names.
    Elsewhere,
}

/// The processes that were started for this run.
struct Processes {
    app: Server,
    tracker: Option<Server>,
    seeder: Server,
    range: Server,
    downloads: TempDir,
}

impl Processes {
    fn start() -> Self {
        let tracker = tracker("127.0.0.1:0");
        let announce = tracker.url("/announce");
        let videos = stock_videos();
        let content = videos.to_str().unwrap();
        let range = ["--listen", "127.0.0.1:0", "--root", content];
        let seeder = [
            "--listen=127.0.0.1:0",
            "--peer-listen=127.0.0.1:0",
            "--content",
            content,
            "--announce",
            announce.as_str(),
        ];
        let downloads = tempfile::tempdir().unwrap();
        let app = [
            "--listen=127.0.0.1:0",
            "--timeout=4",
            "--tracker",
            announce.as_str(),
            "--download-dir",
            downloads.path().to_str().unwrap(),
        ];
        Self {
            seeder: Server::start(&binary("seedbed-seeder"), seeder),
            range: Server::start(&binary("seedbed-range"), range),
            app: Server::start(Path::new(env!("CARGO_BIN_EXE_streaming-app")), app),
            tracker: Some(tracker),
            downloads,
        }
    }
}

fn tracker(listen: &str) -> Server {
    Server::start(&binary("seedbed-tracker"), ["--listen", listen, "--interval", "2"])
}

impl Bed {
    /// Uses the URLs that the environment names, or starts processes. Waits until everything is healthy.
    pub(crate) fn start() -> Self {
        let names = ["STREAM_URL", "TRACKER_URL", "SEEDER_URL", "RANGE_URL"];
        let given = names.map(|name| env::var(name).ok());
        let (urls, home) = if given.iter().all(Option::is_none) {
            let own = Processes::start();
            let servers = [&own.app, own.tracker.as_ref().unwrap(), &own.seeder, &own.range];
            (servers.map(|server| server.url("/")), Home::Processes(Box::new(own)))
        } else {
            let url = |text: Option<String>| text.and_then(|text| text.parse().ok());
            let urls =
                given.map(|text| url(text).unwrap_or_else(|| panic!("set all of {names:?}")));
            (urls, Home::Elsewhere)
        };
        Self::at(urls, home)
    }

    /// Starts the bed and the app in containers, and waits until everything is healthy.
    pub(crate) fn in_containers() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_streaming-app"));
        let directory = program.parent().unwrap().display();
        let image = Image(unique_name());
        let path = format!("ENV PATH={directory}");
        let entrypoint = r#"ENTRYPOINT ["streaming-app"]"#;
        import(&image.0, &[program.to_str().unwrap()], &[&path, entrypoint]);
        let settings = [
            ("STREAMING_APP_IMAGE", image.0.as_str()),
            ("STREAM_TIMEOUT", "4"),
            ("STREAM_PORT", "0"),
            ("SEEDBED_INTERVAL", "2"),
        ];
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose.yaml");
        let bed = containers::Bed::new(&settings).and(&file).up();
        let urls = [("app", 8080), ("tracker", 8000), ("seeder", 3001), ("range", 3002)]
            .map(|(service, port)| bed.url(service, port, "/"));
        Self::at(urls, Home::Containers { bed, _image: image })
    }

    fn at(urls: [Url; 4], home: Home) -> Self {
        for url in &urls {
            let health = url.join("/health").unwrap();
            let listens = || TcpStream::connect(address(&health)).is_ok();
            wait_until(&format!("{health} to be 200"), || listens() && get(&health).status == 200);
        }
        let [stream, _tracker, seeder, range] = urls;
        let fixtures = fixtures(&get_json(&seeder.join("/torrents").unwrap()));
        Self { stream, seeder, range, fixtures, home }
    }

    pub(crate) fn fixtures(&self) -> &[Fixture] {
        &self.fixtures
    }

    /// The torrent with this name.
    pub(crate) fn fixture(&self, name: &str) -> &Fixture {
        let found = self.fixtures.iter().find(|fixture| fixture.name == name);
        found.unwrap_or_else(|| panic!("{name} is in the bed"))
    }

    /// Requests a stream by infohash or magnet link.
    pub(crate) fn stream(&self, torrent: &str, fields: &str) -> Response {
        self.request("GET", torrent, fields)
    }

    /// As [`Bed::stream`], with another method.
    pub(crate) fn request(&self, method: &str, torrent: &str, fields: &str) -> Response {
        send(method, &path(&self.stream, ["api", "stream", torrent]), fields)
    }

    /// Requests a stream of the file with this number.
    pub(crate) fn stream_file(&self, torrent: &str, file: usize) -> Response {
        let mut url = path(&self.stream, ["api", "stream", torrent]);
        url.set_query(Some(&format!("file={file}")));
        send("GET", &url, "")
    }

    /// Requests a file from the range server.
    pub(crate) fn reference(&self, file: &str, fields: &str) -> Response {
        send("GET", &path(&self.range, file.split('/')), fields)
    }

    /// Makes the app forget a torrent, so that its data has to come from peers again.
    pub(crate) fn forget(&self, fixture: &Fixture) {
        let status = self.request("DELETE", &fixture.hash, "").status;
        assert!([204, 404].contains(&status), "DELETE {}: {status}", fixture.hash);
    }

    /// Runs `case` while the seeder is paused. Resumes the seeder even if `case` fails.
    pub(crate) fn while_paused(&self, case: impl FnOnce()) {
        self.control("/pause");
        let outcome = catch_unwind(AssertUnwindSafe(case));
        self.control("/resume");
        outcome.unwrap_or_else(|failure| resume_unwind(failure));
    }

    fn control(&self, path: &str) {
        let response = send("POST", &self.seeder.join(path).unwrap(), "Content-Length: 0");
        let status = response.status;
        assert!((200..300).contains(&status), "POST {path}: {status} {}", response.text());
    }

    /// Kills the tracker and starts it again.
    pub(crate) fn restart_tracker(&mut self) {
        match &mut self.home {
            Home::Processes(own) => {
                let first = own.tracker.take().unwrap();
                let address = first.address("http").to_string();
                first.kill();
                own.tracker = Some(tracker(&address));
            }
            Home::Containers { bed, .. } => {
                let tracker = bed.container("tracker");
                docker(&["kill", &tracker]);
                docker(&["start", &tracker]);
            }
            Home::Elsewhere => {
                let command = env::var("TRACKER_RESTART_COMMAND")
                    .expect("STREAM_URL needs TRACKER_RESTART_COMMAND beside it");
                let status = Command::new("sh").args(["-c", &command]).status().unwrap();
                assert!(status.success(), "{command}: {status}");
            }
        }
    }

    /// Ends the app if this test started it. It must end in time and leave no files.
    pub(crate) fn end(self) {
        let Home::Processes(own) = self.home else { return };
        let ended = own.app.terminate();
        assert!(ended.status.success(), "{}", ended.stderr);
        let left: Vec<_> = fs::read_dir(own.downloads.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// `base` with these path segments, percent-encoded.
fn path<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    url.path_segments_mut().unwrap().clear().extend(segments);
    url
}

fn address(url: &Url) -> SocketAddr {
    url.socket_addrs(|| None).unwrap()[0]
}

fn send(method: &str, url: &Url, fields: &str) -> Response {
    let target = &url[Position::BeforePath..];
    request(address(url), &format!("{method} {target} HTTP/1.1\n{fields}"))
}

//! A seeder returns to a tracker that was killed and started again, without being touched itself.

use seedbed_testkit::{Server, binary, eventually, get, get_json, wait_until};
use seedbed_tests::bed::stock_videos;

fn tracker(listen: &str) -> Server {
    Server::start(&binary("seedbed-tracker"), ["--listen", listen, "--interval", "2"])
}

fn listed(tracker: &Server) -> u64 {
    get_json(&tracker.url("/stats.json"))["peersSeederOnly"].as_u64().unwrap()
}

#[test]
fn a_tracker_that_comes_back_lists_the_seeder_again() {
    let first = tracker("127.0.0.1:0");
    let address = first.address("http").to_string();
    let videos = stock_videos();
    let announce = format!("http://{address}/announce");
    let seeder = Server::start(
        &binary("seedbed-seeder"),
        [
            "--content",
            videos.to_str().unwrap(),
            "--announce",
            &announce,
            "--listen",
            "127.0.0.1:0",
            "--peer-listen",
            "127.0.0.1:0",
        ],
    );
    let healthy = || get(&seeder.url("/health")).status == 200;
    wait_until("the seeder to be healthy", healthy);
    let torrents = get_json(&seeder.url("/torrents")).as_array().unwrap().len();
    let before = listed(&first);
    assert!(before > 0);

    first.kill();
    // The seeder notices, and says why it is not healthy.
    let health = eventually("the seeder to notice", || {
        let health = get(&seeder.url("/health"));
        (health.status == 503).then(|| health.json())
    });
    assert_eq!(health["status"], "degraded");
    assert!(health["reason"].as_str().unwrap().contains(&address), "{health}");

    let second = tracker(&address);
    let all = |tracker: &Server| {
        let list = get_json(&tracker.url("/api/torrents"));
        list.as_array().unwrap().iter().filter(|torrent| torrent["complete"] == 1).count()
    };
    wait_until("every torrent to be listed again", || all(&second) == torrents);
    wait_until("the seeder to be healthy again", healthy);
    assert_eq!(listed(&second), before);

    // At its end the seeder leaves the tracker.
    let ended = seeder.terminate();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(listed(&second), 0);
}

//! Announces to HTTP trackers (BEP 3), and what the announcer does over time.

use std::{
    num::NonZeroU16,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{
    Bed, HttpTracker, OWN_ID, accepted_by_all, accepted_by_any, infohash, seeding,
    tracker_that_is_down, within,
};
use seedbed_announcer::Progress;
use seedbed_metainfo::Infohash;
use tokio::task::JoinSet;

const ACCEPTED: &str = "d8:completei1e10:incompletei2e8:intervali600e5:peerslee";
const EVERY_SECOND: &str = "d8:intervali1e5:peerslee";

#[tokio::test]
async fn a_torrent_is_announced_as_started_at_once_and_then_regularly() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), || Progress { uploaded: 7, downloaded: 5, left: 9 });
    let announce = tracker.announce().await;
    assert_eq!(announce.event(), Some("started"));
    assert_eq!(announce.get("info_hash"), Some("a".repeat(20).as_str()));
    assert_eq!(announce.get("uploaded"), Some("7"));
    assert_eq!(announce.get("downloaded"), Some("5"));
    assert_eq!(announce.get("left"), Some("9"));
    announce.answer(EVERY_SECOND).await;
    for _ in 0..2 {
        let announce = tracker.announce().await;
        assert_eq!(announce.event(), None);
        announce.answer(EVERY_SECOND).await;
    }
}

#[tokio::test]
async fn status_says_what_the_tracker_answered() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url(), tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    assert!(!bed.announcer.status(infohash(b'a'))[0].accepted);
    tracker.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| announcer.status(infohash(b'a'))[0].accepted).await;
    let [status] = bed.announcer.status(infohash(b'a')).try_into().expect("one tracker");
    assert_eq!(status.url.to_string(), tracker.url());
    assert_eq!(status.last_error, None);
    assert_eq!((status.announces, status.complete, status.incomplete), (1, Some(1), Some(2)));
    assert_eq!(status.interval, Some(Duration::from_secs(600)));
    assert!(bed.announcer.status(infohash(b'b')).is_empty());
}

#[tokio::test]
async fn bep_3_a_download_announces_started_completed_and_stopped_with_what_is_left() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    let left = Arc::new(AtomicUsize::new(9));
    let now_left = Arc::clone(&left);
    bed.announcer.add(infohash(b'a'), move || {
        let left = now_left.load(Ordering::SeqCst) as u64;
        Progress { uploaded: 0, downloaded: 9 - left, left }
    });
    let expect = async |event, wanted: [&str; 2]| {
        let announce = tracker.announce().await;
        assert_eq!(announce.event(), Some(event));
        let got = [announce.get("downloaded"), announce.get("left")];
        assert_eq!(got, wanted.map(Some), "{event}");
        announce.answer(ACCEPTED).await;
    };
    expect("started", ["0", "9"]).await;
    left.store(0, Ordering::SeqCst);
    let completing = bed.announcer.complete(infohash(b'a'));
    within(async { tokio::join!(completing, expect("completed", ["9", "0"])) }).await;
    let stopping = bed.announcer.remove(infohash(b'a'));
    within(async { tokio::join!(stopping, expect("stopped", ["9", "0"])) }).await;
}

#[tokio::test]
async fn completed_follows_started_where_the_tracker_was_down() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let announce = tracker.announce().await;
    let completing = bed.announcer.complete(infohash(b'a'));
    let answering = async {
        announce.answer(ACCEPTED).await;
        let announce = tracker.announce().await;
        assert_eq!(announce.event(), Some("completed"));
        announce.answer(ACCEPTED).await;
    };
    within(async { tokio::join!(completing, answering) }).await;
    assert!(bed.announcer.status(infohash(b'a'))[0].completed);
}

#[tokio::test]
async fn peers_are_handed_over_without_ourselves() {
    let tracker = HttpTracker::start().await;
    let mut bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let own = String::from_utf8_lossy(&OWN_ID);
    let body = format!(
        "d8:intervali600e5:peersld2:ip9:127.0.0.17:peer id20:{own}4:porti1ee\
        d2:ip9:127.0.0.14:porti6881eeee"
    );
    tracker.announce().await.answer(&body).await;
    let (found_for, peers) = within(bed.peers.recv()).await.expect("peers");
    assert_eq!(found_for, infohash(b'a'));
    let addresses: Vec<_> = peers.iter().map(|peer| peer.addr.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:6881"]);
}

#[tokio::test]
async fn a_tracker_that_comes_up_late_is_found() {
    let (socket, url) = tracker_that_is_down();
    let bed = Bed::start(&[url]);
    bed.announcer.add(infohash(b'a'), seeding);
    let failed = |error: &str| error.contains("failed to connect to 127.0.0.1:");
    bed.until(|announcer| {
        announcer.status(infohash(b'a'))[0].last_error.as_deref().is_some_and(failed)
    })
    .await;
    let tracker = HttpTracker::listening(socket.listen(16).unwrap());
    let announce = tracker.announce().await;
    assert_eq!(announce.event(), Some("started"));
    announce.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_any(announcer, infohash(b'a'))).await;
    assert_eq!(bed.announcer.status(infohash(b'a'))[0].last_error, None);
}

#[tokio::test]
async fn a_tracker_that_was_restarted_hears_started_again() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    tracker.announce().await.answer(EVERY_SECOND).await;
    let killed = tracker.announce().await;
    assert_eq!(killed.event(), None);
    drop(killed);
    bed.until(|announcer| !accepted_by_any(announcer, infohash(b'a'))).await;
    assert_eq!(tracker.announce().await.event(), Some("started"));
}

#[tokio::test]
async fn a_failure_reason_and_a_status_are_told_and_the_announce_is_retried() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let error = |text| {
        move |announcer: &seedbed_announcer::Announcer| {
            announcer.status(infohash(b'a'))[0].last_error.as_deref() == Some(text)
        }
    };
    tracker.announce().await.answer("d14:failure reason9:not todaye").await;
    bed.until(error("the tracker refused the announce: not today")).await;
    tracker.announce().await.respond("503 Busy", "").await;
    bed.until(error("wanted an announce response, got HTTP status 503")).await;
    let announce = tracker.announce().await;
    assert_eq!(announce.event(), Some("started"));
    announce.respond("400 Bad", "d14:failure reason4:nopee").await;
    bed.until(error("the tracker refused the announce: nope")).await;
}

#[tokio::test]
async fn one_tracker_that_is_down_leaves_the_torrent_accepted_by_the_other() {
    let (_socket, down) = tracker_that_is_down();
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[down, tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    tracker.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_any(announcer, infohash(b'a'))).await;
    assert!(!accepted_by_all(&bed.announcer, infohash(b'a')));
}

#[tokio::test]
async fn without_trackers_there_is_nothing_to_wait_for() {
    let bed = Bed::start(&[]);
    bed.announcer.add(infohash(b'a'), seeding);
    assert!(bed.announcer.status(infohash(b'a')).is_empty());
    within(bed.announcer.complete(infohash(b'a'))).await;
    bed.announcer.remove(infohash(b'a')).await;
    bed.shutdown.cancel();
    within(bed.announcer.finished()).await;
}

#[tokio::test]
async fn removing_sends_stopped_once_and_adding_again_waits_for_its_answer() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    tracker.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_any(announcer, infohash(b'a'))).await;
    let removed = tokio::spawn({
        let announcer = bed.announcer.clone();
        async move { announcer.remove(infohash(b'a')).await }
    });
    let stopped = tracker.announce().await;
    assert_eq!(stopped.event(), Some("stopped"));
    assert_eq!(stopped.get("numwant"), Some("0"));
    assert!(bed.announcer.status(infohash(b'a')).is_empty());
    bed.announcer.add(infohash(b'a'), seeding);
    assert!(!removed.is_finished());
    stopped.answer(ACCEPTED).await;
    within(removed).await.unwrap();
    assert_eq!(tracker.announce().await.event(), Some("started"));
}

#[tokio::test]
async fn an_announce_under_way_ends_before_stopped_is_sent() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let started = tracker.announce().await;
    bed.shutdown.cancel();
    started.answer(ACCEPTED).await;
    let stopped = tracker.announce().await;
    assert_eq!(stopped.event(), Some("stopped"));
    stopped.answer(ACCEPTED).await;
    within(bed.announcer.finished()).await;
}

#[tokio::test]
async fn a_silent_tracker_is_told_stopped_and_does_not_hold_up_shutdown() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    let _unanswered = tracker.announce().await;
    let begin = Instant::now();
    bed.shutdown.cancel();
    let stopped = tracker.announce().await;
    assert_eq!(stopped.event(), Some("stopped"));
    within(bed.announcer.finished()).await;
    assert!(begin.elapsed() < Duration::from_secs(4), "the announce's own time-out is 5 s");
}

#[tokio::test]
async fn many_torrents_are_announced_a_few_at_a_time_and_all_stopped_on_shutdown() {
    const TORRENTS: usize = 200;
    let tracker = HttpTracker::start().await;
    let bed = Bed::start(&[tracker.url()]);
    let infohash = |number: usize| {
        let mut name = [b'-'; 20];
        name[..8].copy_from_slice(&number.to_be_bytes());
        Infohash::new(name)
    };
    for number in 0..TORRENTS {
        bed.announcer.add(infohash(number), seeding);
    }
    let most = Arc::new(AtomicUsize::new(0));
    let open = Arc::new(AtomicUsize::new(0));
    let serve = async |event| {
        let mut answers = JoinSet::new();
        for _ in 0..TORRENTS {
            let announce = tracker.announce().await;
            assert_eq!(announce.event(), Some(event));
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = Arc::clone(&open);
            answers.spawn(async move {
                tokio::task::yield_now().await;
                open.fetch_sub(1, Ordering::SeqCst);
                announce.answer(ACCEPTED).await;
            });
        }
        answers.join_all().await;
    };
    serve("started").await;
    bed.until(|announcer| (0..TORRENTS).all(|n| accepted_by_any(announcer, infohash(n)))).await;
    assert!(most.load(Ordering::SeqCst) <= 16, "{most:?} at once");
    bed.shutdown.cancel();
    serve("stopped").await;
    within(bed.announcer.finished()).await;
}

#[tokio::test]
async fn the_port_and_the_address_that_are_announced_are_the_configured_ones() {
    for (ip, wanted) in [(None, None), (Some("2001:db8::7"), Some("2001:db8::7"))] {
        let tracker = HttpTracker::start().await;
        let bed = Bed::configured(&[&[tracker.url()]], |config| {
            config.port = NonZeroU16::new(6881).unwrap();
            config.announce_ip = ip.map(|ip| ip.parse().unwrap());
            config.numwant = 7;
        });
        bed.announcer.add(infohash(b'a'), seeding);
        let announce = tracker.announce().await;
        assert_eq!(announce.get("port"), Some("6881"));
        assert_eq!(announce.get("ip"), wanted);
        assert_eq!(announce.get("numwant"), Some("7"));
    }
}

#[tokio::test]
async fn announces_come_as_often_as_max_interval_says() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::configured(&[&[tracker.url()]], |config| {
        config.max_interval = Some(Duration::from_secs(1));
    });
    bed.announcer.add(infohash(b'a'), seeding);
    tracker.announce().await.answer(ACCEPTED).await;
    assert_eq!(tracker.announce().await.event(), None);
}

#[tokio::test]
async fn a_tracker_is_reached_over_ipv6() {
    let tracker = HttpTracker::start_on("[::1]:0").await;
    let bed = Bed::start(&[tracker.url()]);
    bed.announcer.add(infohash(b'a'), seeding);
    tracker.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_any(announcer, infohash(b'a'))).await;
}

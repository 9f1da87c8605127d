//! Tiers of trackers (BEP 12).

use seedbed_announcer::Announcer;
use seedbed_metainfo::Infohash;

use crate::support::{
    Bed, HttpTracker, accepted_by_all, accepted_by_any, infohash, seeding, tracker_that_is_down,
    within,
};

const ACCEPTED: &str = "d8:intervali600e5:peerslee";
const EVERY_SECOND: &str = "d8:intervali1e5:peerslee";

/// The trackers in use, by tier.
fn in_use(announcer: &Announcer, infohash: Infohash) -> Vec<(usize, String)> {
    let status = announcer.status(infohash).into_iter();
    status.map(|status| (status.tier, status.url.to_string())).collect()
}

#[tokio::test]
async fn every_tier_is_announced_to_and_of_each_the_first_that_answers() {
    let (_socket, down) = tracker_that_is_down();
    let [one, spare, two] =
        [HttpTracker::start().await, HttpTracker::start().await, HttpTracker::start().await];
    let bed = Bed::tiers(&[&[down, one.url(), spare.url()], &[two.url()]]);
    bed.announcer.add(infohash(b'a'), seeding);
    one.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_any(announcer, infohash(b'a'))).await;
    assert!(!accepted_by_all(&bed.announcer, infohash(b'a')));
    two.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
    assert_eq!(in_use(&bed.announcer, infohash(b'a')), [(0, one.url()), (1, two.url())]);
    assert_eq!(bed.announcer.status(infohash(b'a'))[0].last_error, None);
    assert!(!spare.was_asked().await);
}

#[tokio::test]
async fn the_tracker_that_worked_is_the_first_to_be_asked_from_then_on() {
    let [first, second] = [HttpTracker::start().await, HttpTracker::start().await];
    let bed = Bed::tiers(&[&[first.url(), second.url()]]);
    bed.announcer.add(infohash(b'a'), seeding);
    first.announce().await.respond("503 Busy", "").await;
    second.announce().await.answer(EVERY_SECOND).await;
    let again = second.announce().await;
    assert_eq!(again.event(), None);
    assert!(!first.was_asked().await);
    // It fails now, and the other has its turn again.
    again.respond("503 Busy", "").await;
    let back = first.announce().await;
    assert_eq!(back.event(), Some("started"));
    back.answer(ACCEPTED).await;
    bed.until(|announcer| in_use(announcer, infohash(b'a')) == [(0, first.url())]).await;
}

#[tokio::test]
async fn each_torrent_finds_its_own_way_through_a_tier() {
    let [first, second] = [HttpTracker::start().await, HttpTracker::start().await];
    let bed = Bed::tiers(&[&[first.url(), second.url()]]);
    bed.announcer.add(infohash(b'a'), seeding);
    first.announce().await.answer("d14:failure reason7:unknowne").await;
    second.announce().await.answer(ACCEPTED).await;
    bed.announcer.add(infohash(b'b'), seeding);
    first.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_any(announcer, infohash(b'a'))).await;
    assert_eq!(in_use(&bed.announcer, infohash(b'a')), [(0, second.url())]);
    assert_eq!(in_use(&bed.announcer, infohash(b'b')), [(0, first.url())]);
}

#[tokio::test]
async fn a_tier_has_failed_once_all_its_trackers_have() {
    let [first, second] = [HttpTracker::start().await, HttpTracker::start().await];
    let bed = Bed::tiers(&[&[first.url(), second.url()]]);
    bed.announcer.add(infohash(b'a'), seeding);
    first.announce().await.answer("d14:failure reason3:onee").await;
    second.announce().await.answer("d14:failure reason3:twoe").await;
    bed.until(|announcer| announcer.status(infohash(b'a'))[0].last_error.is_some()).await;
    let [status] = bed.announcer.status(infohash(b'a')).try_into().expect("one tier");
    assert_eq!(status.url.to_string(), second.url());
    assert_eq!(status.last_error.as_deref(), Some("the tracker refused the announce: two"));
    assert!(!status.accepted);
    first.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
}

#[tokio::test]
async fn every_tracker_that_may_list_the_torrent_is_told_stopped() {
    let [first, second, spare] =
        [HttpTracker::start().await, HttpTracker::start().await, HttpTracker::start().await];
    let bed = Bed::tiers(&[&[first.url(), second.url(), spare.url()]]);
    bed.announcer.add(infohash(b'a'), seeding);
    first.announce().await.answer(EVERY_SECOND).await;
    // The answer is lost, though the tracker may have taken the announce in.
    drop(first.announce().await);
    second.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| in_use(announcer, infohash(b'a')) == [(0, second.url())]).await;
    bed.shutdown.cancel();
    let (one, two) = tokio::join!(first.announce(), second.announce());
    assert_eq!((one.event(), two.event()), (Some("stopped"), Some("stopped")));
    one.answer(ACCEPTED).await;
    two.answer(ACCEPTED).await;
    within(bed.announcer.finished()).await;
    assert!(!spare.was_asked().await);
}

#[tokio::test]
async fn a_tracker_that_comes_twice_counts_once_and_an_empty_tier_is_none() {
    let tracker = HttpTracker::start().await;
    let bed = Bed::tiers(&[&[], &[tracker.url(), tracker.url()], &[tracker.url()]]);
    bed.announcer.add(infohash(b'a'), seeding);
    tracker.announce().await.answer(ACCEPTED).await;
    bed.until(|announcer| accepted_by_all(announcer, infohash(b'a'))).await;
    assert_eq!(in_use(&bed.announcer, infohash(b'a')), [(0, tracker.url())]);
}

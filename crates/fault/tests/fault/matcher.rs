//! Which rules fire, when, and what a change of the rules does.

use std::{net::SocketAddr, time::Duration};

use proptest::prelude::*;
use seedbed_fault::{
    AnnounceEvent, Direction, FaultSet, Faults, Message, Point, Points, RangeFault, Rule,
    SeederFault, Subject, TrackerFault, Transport,
    matcher::{MAX_RULES, RuleSet, Shared, TorrentNames},
};
use seedbed_metainfo::{Infohash, PeerId};
use serde_json::{Value, json};

fn rule<F: FaultSet>(rule: Value) -> Rule<F> {
    Rule::from_value(rule).unwrap()
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn block(piece: u32) -> Subject<'static> {
    Subject {
        piece: Some(piece),
        message: Some(Message::Piece),
        direction: Some(Direction::ToPeer),
        ..Subject::at(Points::from(Point::Message).and(Point::Block))
    }
}

/// How the firings of a rule go over so many matches.
fn firings(json: Value, count: u32) -> Vec<bool> {
    let mut set = RuleSet::default();
    set.add(1, rule::<SeederFault>(json), Duration::ZERO);
    let names = TorrentNames::default();
    (0..count).map(|_| !set.decide(Duration::ZERO, &block(3), &names).is_empty()).collect()
}

#[test]
fn a_rule_fires_after_so_many_matches_and_so_many_times() {
    let fired = firings(json!({"fault":{"type":"corrupt"},"after":2,"times":3}), 8);
    assert_eq!(fired, [false, false, true, true, true, false, false, false]);
}

#[test]
fn a_probability_fires_about_so_often_and_at_the_same_places_for_the_same_seed() {
    let with = |seed: u64| {
        firings(json!({"fault":{"type":"corrupt"},"probability":0.3,"seed":seed}), 10_000)
    };
    let fired = with(7).iter().filter(|&&fired| fired).count();
    assert!((2800..3200).contains(&fired), "{fired}");
    assert_eq!(with(7), with(7));
    assert_ne!(with(7), with(8));
    assert!(!firings(json!({"fault":{"type":"corrupt"},"probability":0}), 100).contains(&true));
}

#[test]
fn every_key_has_to_match_and_one_value_of_a_list_is_enough() {
    let infohash = Infohash::new([0xab; 20]);
    let infohashes = [infohash];
    let address: SocketAddr = "[::ffff:10.1.2.3]:51413".parse().unwrap();
    let subject = Subject {
        infohashes: &infohashes,
        torrent: Some("test-small-720p"),
        peer: Some(PeerId::new(*b"-qB5020-abcdefghijkl")),
        address: Some(address),
        client: Some("qBittorrent/5.0.2"),
        transport: Some(Transport::Utp),
        ..block(5)
    };
    let names = TorrentNames::default();
    let matches = |on: Value, subject: &Subject<'_>| {
        rule::<SeederFault>(json!({"on":on,"fault":{"type":"latency","delay":"1s"}}))
            .on
            .matches(subject, |it| names.get(it))
    };
    let hex = "ab".repeat(20);
    for on in [
        json!({}),
        json!({"infohash":hex}),
        json!({"torrent":"test-*"}),
        json!({"torrent":hex}),
        json!({"peer":"-qB"}),
        json!({"peer":["-TR","0x2d7142"]}),
        json!({"address":"10.1.2.3"}),
        json!({"address":"10.1.2.3:51413"}),
        json!({"address":["192.168.0.0/16","10.0.0.0/8"]}),
        json!({"client":"QBITTORRENT/5*"}),
        json!({"transport":["tcp","utp"]}),
        json!({"message":"piece","direction":"to_peer"}),
        json!({"piece":5}),
        json!({"piece":[1,"4-6"]}),
        json!({"piece":"5-"}),
        json!({"piece":"all"}),
    ] {
        assert!(matches(on.clone(), &subject), "{on}");
        let nothing = Subject::at(Point::Message);
        assert_eq!(matches(on.clone(), &nothing), on == json!({}), "{on}");
    }
    for on in [
        json!({"infohash":"cd".repeat(20)}),
        json!({"torrent":"test"}),
        json!({"peer":"-TR"}),
        json!({"address":"10.1.2.4"}),
        json!({"address":"10.1.2.3:1"}),
        json!({"address":"192.168.0.0/16"}),
        json!({"client":"aria2*"}),
        json!({"transport":"tcp"}),
        json!({"message":"request"}),
        json!({"direction":"from_peer"}),
        json!({"piece":[1,"6-"]}),
        json!({"piece":5,"message":"request"}),
    ] {
        assert!(!matches(on.clone(), &subject), "{on}");
    }
    // A server that knows infohashes only finds the name elsewhere.
    names.insert(infohash, "big");
    let subject = Subject { infohashes: &infohashes, ..Subject::at(Point::Message) };
    assert!(matches(json!({"torrent":"big"}), &subject));
}

#[test]
fn requests_match_by_path_method_range_and_event() {
    let request = Subject {
        path: Some("/media/a/test.mp4"),
        method: Some("GET"),
        range: Some((100, 199)),
        ..Subject::at(Point::Request)
    };
    let matches = |on: Value, subject: &Subject<'_>| {
        rule::<RangeFault>(json!({"on":on,"fault":{"type":"corrupt"}}))
            .on
            .matches(subject, |_| None::<&str>)
    };
    for (on, wanted) in [
        (json!({"path":"*.mp4"}), true),
        (json!({"path":"/media/**"}), true),
        (json!({"path":"/media/*"}), false),
        (json!({"path":"media/*/test.mp4"}), true),
        (json!({"path":"*.webm"}), false),
        (json!({"method":["HEAD","GET"]}), true),
        (json!({"method":"HEAD"}), false),
        (json!({"range":true}), true),
        (json!({"range":false}), false),
        (json!({"range":"0-99"}), false),
        (json!({"range":"199-"}), true),
        (json!({"range":"150"}), true),
    ] {
        assert_eq!(matches(on.clone(), &request), wanted, "{on}");
    }
    assert!(matches(json!({"range":false}), &Subject::at(Point::Request)));

    let on = rule::<TrackerFault>(json!({"on":{"event":"started"},"fault":{"type":"no_reply"}})).on;
    let with = |event| Subject { event: Some(event), ..Subject::at(Point::Request) };
    assert!(on.matches(&with(AnnounceEvent::Started), |_| None::<&str>));
    assert!(!on.matches(&with(AnnounceEvent::Stopped), |_| None::<&str>));
}

#[test]
fn a_rule_is_asked_at_its_own_point_only() {
    let faults = Faults::<SeederFault>::default();
    assert!(!faults.is_armed(Point::Block));
    faults.add(rule(json!({"fault":{"type":"corrupt"}}))).unwrap();
    assert!(faults.is_armed(Point::Block));
    assert!(!faults.is_armed(Point::Handshake));
    assert!(faults.decide(&Subject::at(Point::Message)).is_empty());
    assert_eq!(faults.decide(&block(0)).len(), 1);
    assert_eq!(faults.rules()[0].counts(), (1, 1));
}

#[test]
fn the_hot_path_is_disarmed_once_a_rule_has_fired_as_often_as_it_may() {
    let faults = Faults::<SeederFault>::default();
    faults.add(rule(json!({"fault":{"type":"corrupt"},"times":1}))).unwrap();
    assert_eq!(faults.decide(&block(0)).len(), 1);
    assert!(!faults.is_armed(Point::Block));
    assert!(faults.decide(&block(0)).is_empty());
}

#[test]
fn a_rule_is_in_force_within_its_time_only() {
    let mut set = RuleSet::default();
    let between = json!({"fault":{"type":"corrupt"},"between":["1s","5s"]});
    set.add(1, rule::<SeederFault>(between), Duration::ZERO);
    let lasting = json!({"fault":{"type":"corrupt"},"for":"10s"});
    set.add(2, rule(lasting), secs(3));
    let names = TorrentNames::default();
    let ids = |now| -> Vec<_> {
        set.decide(now, &block(0), &names).iter().map(|firing| firing.id()).collect()
    };
    assert_eq!(ids(secs(0)), [2]);
    assert_eq!(ids(secs(1)), [1, 2]);
    assert_eq!(ids(secs(5)), [2]);
    assert_eq!(ids(secs(13)), [0; 0]);
    let changes: Vec<_> = [0, 1, 5, 13].map(|now| set.next_change(secs(now))).into();
    assert_eq!(changes, [Some(secs(1)), Some(secs(5)), Some(secs(13)), None]);
}

#[test]
fn a_stall_waits_until_so_much_was_sent() {
    let faults = Faults::<SeederFault>::default();
    faults.add(rule(json!({"fault":{"type":"stall","at":"50%"},"times":1}))).unwrap();
    let at = |sent| Subject { sent, size: 1000, ..block(0) };
    assert!(faults.decide(&at(499)).is_empty());
    assert_eq!(faults.rules()[0].counts(), (0, 0));
    assert_eq!(faults.decide(&at(500)).len(), 1);
}

#[test]
fn a_rate_limit_lets_its_quota_through_in_each_window() {
    let mut set = RuleSet::default();
    let limit = json!({"fault":{"type":"rate_limit","requests":2,"per":"1s"}});
    set.add(1, rule::<RangeFault>(limit), Duration::ZERO);
    let names = TorrentNames::default();
    let limited = |millis| {
        let now = Duration::from_millis(millis);
        !set.decide(now, &Subject::at(Point::Request), &names).is_empty()
    };
    let limited: Vec<_> = [0, 100, 200, 900, 1000, 1100, 1200].map(limited).into();
    assert_eq!(limited, [false, false, true, true, false, false, true]);
}

#[test]
fn an_expiry_begins_at_its_age() {
    let mut set = RuleSet::default();
    set.add(1, rule::<RangeFault>(json!({"fault":{"type":"expire","valid":"10s"}})), secs(5));
    let names = TorrentNames::default();
    let expired = |now| !set.decide(now, &Subject::at(Point::Request), &names).is_empty();
    assert!(!expired(secs(14)));
    assert!(expired(secs(15)));
}

#[test]
fn latencies_add_up_and_the_first_of_two_statuses_acts() {
    let faults = Faults::<RangeFault>::default();
    for json in [
        json!({"fault":{"type":"latency","delay":"100ms"}}),
        json!({"fault":{"type":"http_status","status":503}}),
        json!({"fault":{"type":"latency","delay":"50ms"}}),
        json!({"fault":{"type":"http_status","status":429}}),
    ] {
        faults.add(rule(json)).unwrap();
    }
    let firings = faults.decide(&Subject::at(Point::Request));
    assert_eq!(firings.delay(), Duration::from_millis(150));
    let status = |fault: &RangeFault| match fault {
        RangeFault::HttpStatus(fault) => Some(fault.status.get()),
        _ => None,
    };
    let (firing, status) = firings.pick(status).unwrap();
    assert_eq!((firing.id(), status), (2, 503));
    assert_eq!(firings.references().len(), 4);
}

#[test]
fn there_are_only_so_many_rules() {
    let faults = Faults::<SeederFault>::default();
    let many = |count| vec![rule::<SeederFault>(json!({"fault":{"type":"corrupt"}})); count];
    faults.append(many(MAX_RULES)).unwrap();
    let error = faults.append(many(1)).unwrap_err().to_string();
    assert!(error.contains("1000 rules"), "{error}");
    assert_eq!(faults.rules().len(), MAX_RULES);
    assert!(faults.replace(many(MAX_RULES + 1)).is_err());
    assert_eq!(faults.rules().len(), MAX_RULES);
    assert!(faults.replace(many(2)).is_ok());
    assert_eq!(faults.rules().len(), 2);
}

#[test]
fn servers_of_a_bed_share_the_numbers_of_rules_and_none_is_given_twice() {
    let shared = Shared::default();
    let seeder = Faults::<SeederFault>::new(shared.clone());
    let range = Faults::<RangeFault>::new(shared);
    let first = seeder.add(rule(json!({"fault":{"type":"corrupt"}}))).unwrap().id();
    let second = range.add(rule(json!({"fault":{"type":"corrupt"}}))).unwrap().id();
    seeder.reset();
    let third = seeder.add(rule(json!({"fault":{"type":"corrupt"}}))).unwrap().id();
    assert_eq!([first, second, third], [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_holds_is_let_go_when_it_is_withdrawn_switched_off_or_over() {
    let faults = Faults::<SeederFault>::default();
    let stall = |json: Value| {
        faults.add(rule(json)).unwrap();
        faults.decide(&block(0)).first().cloned().unwrap()
    };
    let hold = |firing| {
        let faults = faults.clone();
        tokio::spawn(async move { faults.released(&firing).await })
    };

    let held = hold(stall(json!({"fault":{"type":"stall"},"times":1})));
    tokio::time::sleep(secs(3600)).await;
    assert!(!held.is_finished(), "a rule that is spent still holds");
    faults.clear();
    held.await.unwrap();

    let firing = stall(json!({"fault":{"type":"stall"}}));
    let (id, held) = (firing.id(), hold(firing));
    faults.add(rule(json!({"fault":{"type":"corrupt"}}))).unwrap();
    tokio::time::sleep(secs(1)).await;
    assert!(!held.is_finished(), "another rule lets nothing go");
    faults.enable(id, false).unwrap();
    held.await.unwrap();
    faults.clear();

    let start = tokio::time::Instant::now();
    let held = hold(stall(json!({"fault":{"type":"stall"},"for":"10s"})));
    held.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_latency_ends_when_its_rule_is_withdrawn() {
    let faults = Faults::<RangeFault>::default();
    faults.add(rule(json!({"fault":{"type":"latency","delay":"1h"}}))).unwrap();
    let firings = faults.decide(&Subject::at(Point::Request));
    let waiting = {
        let faults = faults.clone();
        tokio::spawn(async move { faults.delay(&firings).await })
    };
    tokio::time::sleep(secs(5)).await;
    let start = tokio::time::Instant::now();
    faults.clear();
    waiting.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn rules_that_come_and_go_act_on_a_transfer_in_progress() {
    let faults = Faults::<RangeFault>::default();
    let subject = Subject::at(Point::Request);
    let mut transfer = faults.transfer(&subject);
    assert!(!transfer.is_stale(faults.now()));

    faults.add(rule(json!({"fault":{"type":"bandwidth","rate":"1KiB/s"}}))).unwrap();
    faults.add(rule(json!({"fault":{"type":"ignore_range"}}))).unwrap();
    transfer.changed().await;
    assert!(transfer.refresh(faults.now(), &subject));
    let names = |transfer: &seedbed_fault::Transfer<RangeFault>| -> Vec<_> {
        transfer.firings().iter().map(|it| it.fault().type_name()).collect()
    };
    assert_eq!(names(&transfer), ["bandwidth"], "what is sent already cannot ignore its range");
    assert!(!transfer.refresh(faults.now(), &subject));

    // However often it looks, a transfer counts once.
    let stall = json!({"fault":{"type":"stall"},"for":"10s"});
    faults.add(rule(stall)).unwrap();
    transfer.refresh(faults.now(), &subject);
    faults.add(rule(json!({"on":{"path":"/x"},"fault":{"type":"stall"}}))).unwrap();
    transfer.refresh(faults.now(), &subject);
    assert_eq!(names(&transfer), ["bandwidth", "stall"]);
    assert_eq!(faults.rules()[2].counts(), (1, 1));

    let start = tokio::time::Instant::now();
    transfer.changed().await;
    assert_eq!(start.elapsed().as_secs(), 10, "the end of a rule wakes the transfer");
    assert!(transfer.refresh(faults.now(), &subject));
    assert_eq!(names(&transfer), ["bandwidth"]);

    faults.clear();
    assert!(transfer.refresh(faults.now(), &subject));
    assert!(transfer.firings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reset_takes_all_back_and_starts_the_clock_anew() {
    let faults = Faults::<SeederFault>::default();
    tokio::time::sleep(secs(100)).await;
    faults.add(rule(json!({"fault":{"type":"corrupt"}}))).unwrap();
    assert_eq!(faults.now().as_secs(), 100);
    faults.reset();
    assert!(faults.rules().is_empty() && !faults.is_armed(Point::Block));
    assert_eq!(faults.now(), Duration::ZERO);
    faults.add(rule(json!({"fault":{"type":"corrupt"},"between":["1s","2s"]}))).unwrap();
    assert!(faults.decide(&block(0)).is_empty());
    tokio::time::sleep(secs(1)).await;
    assert_eq!(faults.decide(&block(0)).len(), 1);
}

#[test]
fn concurrent_matches_are_counted_exactly() {
    let faults = Faults::<SeederFault>::default();
    let json = json!({"fault":{"type":"corrupt"},"after":100,"times":500});
    faults.add(rule(json)).unwrap();
    let fired: usize = std::thread::scope(|scope| {
        let ask = || (0..1000).filter(|_| !faults.decide(&block(0)).is_empty()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(fired, 500);
    assert_eq!(faults.rules()[0].counts(), (600, 500));
}

/// A rule that a test may come up with.
fn any_rule() -> impl Strategy<Value = Value> {
    let on = prop_oneof![
        Just(json!({})),
        (0_u32..6).prop_map(|piece| json!({ "piece": piece })),
        (0_u32..4).prop_map(|first| json!({ "piece": format!("{first}-") })),
    ];
    let times = prop_oneof![Just(Value::Null), (1_u64..6).prop_map(Value::from)];
    let between = prop_oneof![
        3 => Just(Value::Null),
        1 => (0_u64..20, 1_u64..20).prop_map(|(start, length)| {
            json!([format!("{start}s"), format!("{}s", start + length)])
        }),
    ];
    (on, 0_u64..5, times, 0.0..=1.0_f64, any::<u64>(), between).prop_map(
        |(on, after, times, probability, seed, between)| {
            json!({
                "on": on, "fault": {"type": "corrupt"}, "after": after, "times": times,
                "probability": probability, "seed": seed, "between": between,
            })
        },
    )
}

/// The numbers of the rules that fire, block by block, and the places at which they corrupt.
fn run(
    rules: &[(u64, Value)],
    blocks: &[(u64, u32)],
    mut before: impl FnMut(usize, &mut RuleSet<SeederFault>),
) -> Vec<Vec<(u64, u64)>> {
    let mut set = RuleSet::default();
    for (id, json) in rules {
        set.add(*id, rule(json.clone()), Duration::ZERO);
    }
    let names = TorrentNames::default();
    let decide = |(index, (now, piece)): (usize, &(u64, u32))| {
        before(index, &mut set);
        let firings = set.decide(secs(*now), &block(*piece), &names);
        firings.iter().map(|it| (it.id(), it.draws().next_u64())).collect()
    };
    blocks.iter().enumerate().map(decide).collect()
}

proptest! {
    #[test]
    fn the_same_seed_and_the_same_input_give_the_same_firings(
        rules in prop::collection::vec(any_rule(), 0..6),
        blocks in prop::collection::vec((0_u64..40, 0_u32..6), 0..80),
    ) {
        let rules: Vec<_> = (1..).zip(rules).collect();
        // Other numbers, as in another process that had other rules before.
        let others: Vec<_> = rules.iter().map(|(id, rule)| (id + 100, rule.clone())).collect();
        let first = run(&rules, &blocks, |_, _| {});
        let second: Vec<Vec<_>> = run(&others, &blocks, |_, _| {})
            .into_iter()
            .map(|fired| fired.into_iter().map(|(id, draw)| (id - 100, draw)).collect())
            .collect();
        prop_assert_eq!(first, second);
    }

    #[test]
    fn a_rule_that_is_removed_leaves_no_trace(
        rules in prop::collection::vec(any_rule(), 1..6),
        which: prop::sample::Index,
        when in 0_usize..80,
        blocks in prop::collection::vec((0_u64..40, 0_u32..6), 1..80),
    ) {
        let rules: Vec<_> = (1..).zip(rules).collect();
        let removed = rules[which.index(rules.len())].0;
        let rest: Vec<_> = rules.iter().filter(|(id, _)| *id != removed).cloned().collect();
        let with = run(&rules, &blocks, |index, set| {
            if index == when {
                set.retain(|rule| rule.id() != removed);
            }
        });
        let without = run(&rest, &blocks, |_, _| {});
        for (index, (mut with, without)) in with.into_iter().zip(without).enumerate() {
            if index >= when {
                prop_assert!(with.iter().all(|(id, _)| *id != removed));
            }
            with.retain(|(id, _)| *id != removed);
            prop_assert_eq!(with, without);
        }
    }
}

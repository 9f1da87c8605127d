//! The journal: order, bounds, readers that wait or fall behind, and the summary.

use std::{net::SocketAddr, time::Duration};

use seedbed_fault::{
    AnnounceEvent, Journal, Server, Source, Transport,
    journal::{ByteSpan, Event, FaultRef, Filter, JournalFile, Record},
};
use seedbed_metainfo::{Infohash, PeerId};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(1);

fn note(text: &str) -> Record {
    Record::new(Source::Console, Event::Note { text: text.into() })
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn filter(conditions: &[(&str, &str)]) -> Filter {
    let mut filter = Filter::default();
    for (name, value) in conditions {
        filter.add(name, value).unwrap();
    }
    filter
}

fn numbers(journal: &Journal, since: u64, filter: &Filter) -> Vec<u64> {
    journal.read(since, filter, 1000).entries.iter().map(|entry| entry.seq).collect()
}

fn response(path: &str, range: (u64, u64), sent: u64) -> Event {
    let length = range.1 - range.0 + 1;
    Event::Response {
        method: "GET".into(),
        path: path.into(),
        range: Some(ByteSpan { first: range.0, last: range.1 }),
        status: 206,
        sent,
        length: Some(length),
        complete: sent == length,
        took: 3,
    }
}

fn block(piece: u32) -> Event {
    Event::Block { piece, begin: 0, length: 16_384 }
}

fn block_request(piece: u32) -> Event {
    Event::BlockRequest { piece, begin: 0, length: 16_384 }
}

#[test]
fn entries_of_all_servers_stand_in_one_order() {
    let journal = Journal::default();
    journal.write(Record::new(Server::Tracker, Event::Connect { transport: Transport::Udp }));
    journal.clone().write(Record::new(Server::Seeder, block(3)));
    let page = journal.read(0, &Filter::default(), 10);
    let servers: Vec<_> = page.entries.iter().map(|it| (it.seq, it.record.server)).collect();
    assert_eq!(servers, [(1, Source::Tracker), (2, Source::Seeder)]);
    assert_eq!((page.next, page.skipped), (2, 0));
    assert_eq!(numbers(&journal, 1, &Filter::default()), [2]);
    assert_eq!(numbers(&journal, 2, &Filter::default()), [0; 0]);
}

#[test]
fn a_full_journal_drops_the_oldest_and_says_so() {
    let journal = Journal::new(10);
    for number in 0..25 {
        journal.write(note(&number.to_string()));
    }
    let page = journal.read(5, &Filter::default(), 1000);
    assert_eq!(page.skipped, 10);
    assert_eq!(page.entries.first().unwrap().seq, 16);
    assert_eq!(page.entries.len(), 10);
    assert_eq!(journal.read(20, &Filter::default(), 1000).skipped, 0);
    // What was deleted on demand is missed by nobody.
    journal.clear();
    assert_eq!(journal.read(0, &Filter::default(), 1000).skipped, 0);
    assert_eq!(journal.write(note("next")), 26);
    assert_eq!(numbers(&journal, 0, &Filter::default()), [26]);
}

#[test]
fn a_journal_without_capacity_keeps_nothing() {
    let journal = Journal::new(0);
    assert_eq!(journal.write(note("x")), 0);
    assert!(journal.read(0, &Filter::default(), 1000).entries.is_empty());
}

#[test]
fn a_page_ends_at_its_limit_and_the_next_goes_on_there() {
    let journal = Journal::default();
    for number in 0..1000 {
        journal.write(note(&number.to_string()));
    }
    let (mut since, mut seen) = (0, Vec::new());
    loop {
        let page = journal.read(since, &Filter::default(), 300);
        if page.entries.is_empty() {
            break;
        }
        since = page.next;
        seen.extend(page.entries.iter().map(|entry| entry.seq));
    }
    assert_eq!(seen, (1..=1000).collect::<Vec<_>>());
    // A number of another life is not waited for.
    assert_eq!(journal.read(5000, &Filter::default(), 10).next, 1000);
}

#[test]
fn filters_leave_what_meets_every_condition() {
    let journal = Journal::default();
    let infohash = Infohash::new([0xab; 20]);
    let faults = || Box::from([FaultRef { id: 7, fault: "corrupt" }]);
    journal.write(note("first"));
    journal.write(
        Record::new(Server::Seeder, block(3))
            .peer(address("10.0.0.7:51413"))
            .peer_id(PeerId::new(*b"-qB5020-abcdefghijkl"))
            .client("qBittorrent/5.0.2")
            .torrent("test-small-720p".into())
            .infohash(infohash)
            .faults(faults()),
    );
    journal.write(
        Record::new(Server::Range, response("/a/test.mp4", (0, 9), 10))
            .peer(address("10.0.0.8:4000"))
            .client("curl/8.5.0"),
    );
    for (conditions, wanted) in [
        (&[("server", "seeder,range")][..], vec![2, 3]),
        (&[("kind", "response")], vec![3]),
        (&[("kind", "note,block")], vec![1, 2]),
        (&[("peer", "10.0.0.7")], vec![2]),
        (&[("peer", "10.0.0.0/24")], vec![2, 3]),
        (&[("peer", "-qB")], vec![2]),
        (&[("peer", "curl*")], vec![3]),
        (&[("torrent", "test-*")], vec![2]),
        (&[("torrent", "ABABABABABABABABABABABABABABABABABABABAB")], vec![2]),
        (&[("path", "*.mp4")], vec![3]),
        (&[("fault", "any")], vec![2]),
        (&[("fault", "7")], vec![2]),
        (&[("fault", "corrupt")], vec![2]),
        (&[("fault", "8")], vec![]),
        (&[("server", "range"), ("fault", "any")], vec![]),
    ] {
        assert_eq!(numbers(&journal, 0, &filter(conditions)), wanted, "{conditions:?}");
    }
    let error = |name, value| Filter::default().add(name, value).unwrap_err().to_string();
    assert_eq!(error("kind", "blok"), "kind: unknown kind `blok`: did you mean `block`?");
    assert_eq!(error("server", "seder"), "server: unknown server `seder`: did you mean `seeder`?");
}

#[test]
fn an_entry_as_json_has_its_fields_side_by_side() {
    let journal = Journal::default();
    let record = Record::new(Server::Seeder, block(3))
        .peer(address("10.0.0.7:51413"))
        .peer_id(PeerId::new(*b"-XX0001-\xff\x00abcdefghij"))
        .client("<b>peer\u{202e}</b>/0.1")
        .torrent("test-small-720p".into())
        .infohash(Infohash::new([0xab; 20]))
        .faults(Box::from([FaultRef { id: 7, fault: "corrupt" }]));
    journal.write(record);
    let page = journal.read(0, &Filter::default(), 10);
    let mut entry = serde_json::to_value(&page.entries[0]).unwrap();
    assert!(entry["at"].take().is_u64());
    let wanted = json!({
        "seq": 1, "at": null, "fault": 7, "server": "seeder", "level": "warn",
        "peer": "10.0.0.7:51413", "peerId": "-XX0001-\\xff\\x00abcdefghij",
        "client": "<b>peer\u{202e}</b>/0.1", "torrent": "test-small-720p",
        "infohash": "ab".repeat(20), "faults": [{"id": 7, "type": "corrupt"}],
        "kind": "block", "piece": 3, "begin": 0, "length": 16_384,
    });
    assert_eq!(entry, wanted);
    let sentence: String = page.entries[0].parts().iter().map(ToString::to_string).collect();
    let wanted =
        "sent piece 3 at 0 of test-small-720p to <b>peer\u{202e}</b>/0.1 · corrupt by rule #7";
    assert_eq!(sentence, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_an_entry_that_it_wants() {
    let journal = Journal::default();
    let wanted = filter(&[("server", "seeder")]);
    let waiting = {
        let journal = journal.clone();
        tokio::spawn(async move { journal.wait(0, &wanted, 10, Duration::from_secs(60)).await })
    };
    tokio::time::sleep(SOON).await;
    journal.write(note("not for it"));
    tokio::time::sleep(SOON).await;
    assert!(!waiting.is_finished());
    journal.write(Record::new(Server::Seeder, block(3)));
    let page = waiting.await.unwrap();
    assert_eq!((page.entries.len(), page.next), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_empty_handed_at_its_time_or_at_a_reset() {
    let journal = Journal::default();
    let start = tokio::time::Instant::now();
    let page = journal.wait(0, &Filter::default(), 10, Duration::from_secs(5)).await;
    assert!(page.entries.is_empty());
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    let waiting = {
        let journal = journal.clone();
        tokio::spawn(async move { journal.wait(0, &Filter::default(), 1, SOON * 60).await })
    };
    tokio::time::sleep(SOON).await;
    journal.reset();
    let page = waiting.await.unwrap();
    assert_eq!((page.resets, page.entries.len(), page.now), (1, 0, 0));
}

#[tokio::test]
async fn the_file_has_a_line_for_each_entry_and_says_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let journal = Journal::new(10);
    for number in 0..25 {
        journal.write(note(&number.to_string()));
    }
    let file = JournalFile::create(journal.clone(), &path).await.unwrap();
    for number in 0..5 {
        journal.write(note(&format!("later {number}")));
    }
    file.finish().await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let skipped = lines[0]["skipped"].as_u64().unwrap();
    assert!((15..=20).contains(&skipped), "{skipped}");
    assert_eq!(lines.len() as u64 + skipped, 31);
    assert_eq!(lines.last().unwrap()["text"], "later 4");
    let error = JournalFile::create(journal, &folder.path().join("none/x")).await;
    assert!(error.is_err());
}

#[test]
fn the_summary_says_what_each_peer_asked_for_got_and_was_cut_at() {
    let journal = Journal::default();
    let path = "/test.mp4";
    let client = |port: u16| address(&format!("10.0.0.8:{port}"));
    let answer = |port, sent| {
        let event = response(path, (1_048_576, 1_056_767), sent);
        Record::new(Server::Range, event).peer(client(port)).client("aria2/1.36.0")
    };
    // It comes back over another connection.
    journal.write(answer(4000, 4096).faults(Box::from([FaultRef { id: 1, fault: "disconnect" }])));
    journal.write(answer(4001, 8192));

    let id = PeerId::new(*b"A2-1-36-0-abcdefghij");
    let peer = |event| {
        Record::new(Server::Seeder, event)
            .peer(address("10.0.0.8:51413"))
            .peer_id(id)
            .infohash(Infohash::new([0xab; 20]))
    };
    for event in [block_request(7), block_request(7), block(7), block_request(3)] {
        journal.write(peer(event));
    }
    journal.write(Record { instance: 1, ..peer(block_request(7)) });
    for event in [AnnounceEvent::Started, AnnounceEvent::Update, AnnounceEvent::Stopped] {
        let event = Event::Announce {
            transport: Transport::Http,
            event,
            left: 0,
            uploaded: 0,
            downloaded: 0,
            numwant: None,
            given: 1,
            reason: None,
        };
        journal.write(Record { server: Source::Tracker, ..peer(event) });
    }
    let summary = serde_json::to_value(journal.summary(0, &Filter::default())).unwrap();
    assert_eq!(summary["last"], 10);
    let peers = summary["peers"].as_array().unwrap();
    assert_eq!(peers.len(), 4);
    let of = |server: &str, instance: u64| {
        let is = |it: &&Value| it["server"] == server && it["instance"] == instance;
        peers.iter().find(is).unwrap()
    };
    assert_eq!(
        of("range", 0)["requests"],
        json!([{
            "method": "GET", "path": path, "range": "1048576-1056767", "status": 206,
            "times": 2, "sent": 12_288, "cuts": [{"after": 4096, "of": 8192}],
        }])
    );
    assert_eq!(of("range", 0)["faults"], json!({"disconnect": 1}));
    assert_eq!(of("range", 0)["addresses"].as_array().unwrap().len(), 2);
    let pieces: Vec<_> = of("seeder", 0)["pieces"].as_array().unwrap().iter().collect();
    assert_eq!(pieces[0]["piece"], 3);
    assert_eq!(
        (&pieces[1]["piece"], &pieces[1]["requests"], &pieces[1]["blocks"]),
        (&json!(7), &json!(2), &json!(1))
    );
    assert_eq!(of("seeder", 1)["pieces"][0]["piece"], 7, "from two peers");
    let announces = &of("tracker", 0)["announces"][0];
    assert_eq!(
        (&announces["started"], &announces["update"], &announces["stopped"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

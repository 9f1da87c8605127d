//! The control API, as a router.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use http_body_util::BodyExt as _;
use seedbed_fault::{
    FaultSet, Faults, Journal, Point, RangeFault, SeederFault, Server, Subject, TrackerFault,
    control::{Control, bed_router, reset_fn, router},
    journal::{Event, Record},
    matcher::Shared,
    presets,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A bed without servers.
struct Bed {
    tracker: Faults<TrackerFault>,
    seeder: Faults<SeederFault>,
    range: Faults<RangeFault>,
    journal: Journal,
    resets: Arc<AtomicUsize>,
    router: Router,
}

impl Bed {
    fn new() -> Self {
        let shared = Shared::default();
        let (tracker, seeder, range) =
            (Faults::new(shared.clone()), Faults::new(shared.clone()), Faults::new(shared));
        let (journal, resets) = (Journal::new(100), Arc::new(AtomicUsize::new(0)));
        let control = Control::bed([
            control(&tracker, &journal, &resets),
            control(&seeder, &journal, &resets),
            control(&range, &journal, &resets),
        ]);
        Self { tracker, seeder, range, journal, resets, router: bed_router(control).into() }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        call(&self.router, method, path, body).await
    }
}

fn control<F: FaultSet>(
    faults: &Faults<F>,
    journal: &Journal,
    resets: &Arc<AtomicUsize>,
) -> Control {
    let resets = Arc::clone(resets);
    let reset = reset_fn(move || {
        let resets = Arc::clone(&resets);
        async move {
            resets.fetch_add(1, Ordering::SeqCst);
        }
    });
    Control::new(faults.clone(), journal.clone(), Arc::new(reset))
}

fn seeder() -> (Faults<SeederFault>, Router) {
    let faults = Faults::default();
    let control = control(&faults, &Journal::default(), &Arc::default());
    (faults, router(control).into())
}

async fn send(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

async fn call(
    router: &Router,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
    let request = Request::builder().method(method).uri(path).body(body).unwrap();
    let response = send(router, request).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let value = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("{path}: {bytes:?}"))
    };
    (status, value)
}

#[tokio::test]
async fn rules_are_added_listed_switched_and_taken_back() {
    let (faults, router) = seeder();
    let rule = json!({"on":{"piece":3},"fault":{"type":"corrupt"},"times":2});
    let body = Body::from(rule.to_string());
    let response = send(&router, Request::post("/control/faults").body(body).unwrap()).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()[header::LOCATION], "/control/faults/1");

    let _ = faults.decide(&Subject { piece: Some(3), ..Subject::at(Point::Block) });
    let (status, list) = call(&router, "GET", "/control/faults", None).await;
    assert_eq!(status, StatusCode::OK);
    let wanted = json!([{
        "id": 1, "server": "seeder", "on": {"piece": 3}, "fault": {"type": "corrupt", "bytes": 1},
        "after": 0, "times": 2, "probability": 1.0, "seed": 0, "for": null, "between": null,
        "enabled": true, "preset": null, "matched": 1, "fired": 1, "active": true,
    }]);
    assert_eq!(list, wanted);

    let off = Some(json!({"enabled":false}));
    let (status, rule) = call(&router, "PATCH", "/control/faults/1", off).await;
    assert_eq!(
        (status, &rule["enabled"], &rule["active"]),
        (StatusCode::OK, &json!(false), &json!(false))
    );
    assert!(!faults.is_armed(Point::Block));
    assert_eq!(call(&router, "GET", "/control/faults/1", None).await.1["enabled"], false);

    assert_eq!(call(&router, "DELETE", "/control/faults/1", None).await.0, StatusCode::NO_CONTENT);
    for method in ["GET", "DELETE"] {
        let (status, error) = call(&router, method, "/control/faults/1", None).await;
        assert_eq!(
            (status, error),
            (StatusCode::NOT_FOUND, json!({"error":"no rule 1","status":404}))
        );
    }
    let (status, error) = call(&router, "DELETE", "/control/faults/x", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(error["error"], "id: wanted the number of a rule, got \"x\"");
    assert!(faults.rules().is_empty());
}

#[tokio::test]
async fn a_replacement_is_all_or_nothing_and_takes_what_a_list_gave() {
    let (faults, router) = seeder();
    let two = json!([{"fault":{"type":"corrupt"}},{"fault":{"type":"refuse"},"for":"10s"}]);
    let (status, first) = call(&router, "PUT", "/control/faults", Some(two)).await;
    assert_eq!((status, first.as_array().unwrap().len()), (StatusCode::OK, 2));

    let wrong = json!([{"fault":{"type":"refuse"}},{"fault":{"type":"corrupt"},"probabilty":1}]);
    let (status, error) = call(&router, "PUT", "/control/faults", Some(wrong)).await;
    let message = "unknown field `probabilty` at [1]: did you mean `probability`?";
    assert_eq!((status, error), (StatusCode::BAD_REQUEST, json!({"error":message,"status":400})));
    assert_eq!(call(&router, "GET", "/control/faults", None).await.1, first);

    let (status, second) = call(&router, "PUT", "/control/faults", Some(first.clone())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&second[1]["for"], &second[1]["fault"]), (&first[1]["for"], &first[1]["fault"]));
    assert_ne!(first[0]["id"], second[0]["id"]);

    let none = Some(json!([]));
    assert_eq!(call(&router, "PUT", "/control/faults", none).await.1, json!([]));
    assert!(faults.rules().is_empty());
}

#[tokio::test]
async fn a_bad_rule_changes_nothing_and_the_error_names_the_field() {
    let (faults, router) = seeder();
    for (body, wanted) in [
        (r#"{"fault":{"type":"curropt"}}"#, "unknown type `curropt` at fault.type: did you mean"),
        (
            r#"{"fault":{"type":"empty_peers"}}"#,
            "type `empty_peers` at fault.type is a fault of the tracker",
        ),
        (r#"{"fault":{"type":"latency","delay":"5 foo"}}"#, "fault.delay: wanted a duration"),
        (r#"{"fault":"#, "fault: EOF while parsing"),
        ("", "EOF while parsing"),
    ] {
        let request = Request::post("/control/faults").body(Body::from(body)).unwrap();
        let response = send(&router, request).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let error: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(error["status"], 400);
        assert!(error["error"].as_str().unwrap().starts_with(wanted), "{body}: {error}");
    }
    assert!(faults.rules().is_empty());
    assert_eq!(faults.generation(), 0);
}

#[tokio::test]
async fn a_bed_addresses_one_server_or_all() {
    let bed = Bed::new();
    let corrupt = || Some(json!({"fault":{"type":"corrupt"}}));
    let (status, error) = bed.call("POST", "/control/faults", corrupt()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(error["error"].as_str().unwrap().starts_with("missing field `server`"), "{error}");

    assert_eq!(bed.call("POST", "/control/range/faults", corrupt()).await.0, StatusCode::CREATED);
    let named = Some(json!({"server":"seeder","fault":{"type":"corrupt"}}));
    assert_eq!(bed.call("POST", "/control/faults", named).await.1["id"], 2);
    assert_eq!((bed.range.rules().len(), bed.seeder.rules().len()), (1, 1));
    let list = bed.call("GET", "/control/faults", None).await.1;
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(bed.call("GET", "/control/tracker/faults", None).await.1, json!([]));
    assert_eq!(bed.call("GET", "/control/range/faults/2", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bed.call("DELETE", "/control/faults/2", None).await.0, StatusCode::NO_CONTENT);
    assert!(bed.seeder.rules().is_empty());

    let (status, error) = bed.call("GET", "/control/seder/faults", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(error["error"], "server: unknown server `seder`: did you mean `seeder`?");

    let mixed = json!([
        {"server":"tracker","fault":{"type":"no_reply"}}, {"fault":{"type":"no_metadata"}},
    ]);
    assert_eq!(bed.call("PUT", "/control/faults", Some(mixed)).await.0, StatusCode::OK);
    let counts = (bed.tracker.rules().len(), bed.seeder.rules().len(), bed.range.rules().len());
    assert_eq!(counts, (1, 1, 0));
    assert_eq!(bed.call("DELETE", "/control/tracker/faults", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!((bed.tracker.rules().len(), bed.seeder.rules().len()), (0, 1));
}

#[tokio::test]
async fn changes_of_the_rules_stand_in_the_journal() {
    let bed = Bed::new();
    let rule = Some(json!({"server":"seeder","fault":{"type":"corrupt"}}));
    bed.call("POST", "/control/faults", rule).await;
    bed.call("PATCH", "/control/faults/1", Some(json!({"enabled":false}))).await;
    bed.call("DELETE", "/control/faults", None).await;
    let entries = bed.call("GET", "/control/journal?kind=rules", None).await.1;
    let actions: Vec<_> = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (entry["server"].as_str().unwrap(), entry["action"].as_str().unwrap(), &entry["rules"])
        })
        .collect();
    let one = &json!([1]);
    let wanted =
        [("seeder", "added", one), ("seeder", "disabled", one), ("seeder", "removed", one)];
    assert_eq!(actions, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_reset_brings_back_the_state_of_a_fresh_start() {
    let bed = Bed::new();
    let rule = Some(json!({"server":"seeder","fault":{"type":"corrupt"}}));
    bed.call("POST", "/control/faults", rule.clone()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bed.call("POST", "/control/reset", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bed.resets.load(Ordering::SeqCst), 3);
    assert_eq!(bed.call("GET", "/control/faults", None).await.1, json!([]));
    let page = bed.call("GET", "/control/journal", None).await.1;
    assert_eq!(
        (&page["entries"], &page["now"], &page["resets"]),
        (&json!([]), &json!(0), &json!(1))
    );

    // One server alone leaves the others as they are.
    bed.call("POST", "/control/faults", rule).await;
    bed.call("POST", "/control/range/faults", Some(json!({"fault":{"type":"corrupt"}}))).await;
    assert_eq!(bed.call("POST", "/control/range/reset", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(bed.resets.load(Ordering::SeqCst), 4);
    assert_eq!((bed.seeder.rules().len(), bed.range.rules().len()), (1, 0));
    let servers: Vec<_> = bed.call("GET", "/control/journal", None).await.1["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["server"].clone())
        .collect();
    assert_eq!(servers, ["seeder"]);
}

fn write(journal: &Journal, server: Server, text: &str) {
    journal.write(Record::new(server, Event::Note { text: text.into() }));
}

#[tokio::test]
async fn the_journal_is_read_in_pages_filtered_and_emptied() {
    let bed = Bed::new();
    for number in 0..150 {
        let server = if number % 2 == 0 { Server::Tracker } else { Server::Range };
        write(&bed.journal, server, &number.to_string());
    }
    let page = bed.call("GET", "/control/journal?since=40&limit=3&parts=true", None).await.1;
    assert_eq!((&page["skipped"], &page["next"]), (&json!(10), &json!(53)));
    assert_eq!(page["entries"][0]["parts"], json!(["50"]));
    let page = bed.call("GET", "/control/tracker/journal?since=140", None).await.1;
    assert_eq!(page["entries"].as_array().unwrap().len(), 5);
    for (query, wanted) in [
        ("sinse=4", "unknown parameter `sinse`: did you mean `since`?"),
        ("since=x", "since: wanted the number of an entry, got \"x\""),
        ("wait=-1", "wait: wanted seconds from 0 to 300, got \"-1\""),
        ("limit=0", "limit: wanted a number from 1 to 10000, got \"0\""),
        ("kind=nte", "kind: unknown kind `nte`: did you mean `note`?"),
    ] {
        let (status, error) = bed.call("GET", &format!("/control/journal?{query}"), None).await;
        assert_eq!((status, &error["error"]), (StatusCode::BAD_REQUEST, &json!(wanted)));
    }
    assert_eq!(bed.call("DELETE", "/control/range/journal", None).await.0, StatusCode::NO_CONTENT);
    let page = bed.call("GET", "/control/journal", None).await.1;
    assert_eq!(page["entries"].as_array().unwrap().len(), 50);
    bed.call("DELETE", "/control/journal", None).await;
    assert_eq!(bed.call("GET", "/control/journal", None).await.1["entries"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_answers_as_soon_as_there_is_an_entry() {
    let bed = Bed::new();
    let journal = bed.journal.clone();
    let polling =
        tokio::spawn(
            async move { bed.call("GET", "/control/journal?since=0&wait=60", None).await },
        );
    let start = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(2)).await;
    write(&journal, Server::Seeder, "now");
    let (_, page) = polling.await.unwrap();
    assert_eq!(page["entries"][0]["text"], "now");
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn lines_of_json_are_there_for_who_accepts_them() {
    let bed = Bed::new();
    write(&bed.journal, Server::Seeder, "one");
    write(&bed.journal, Server::Seeder, "two");
    let request = Request::get("/control/journal")
        .header(header::ACCEPT, "application/x-ndjson")
        .body(Body::empty())
        .unwrap();
    let response = send(&bed.router, request).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let texts: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].clone())
        .collect();
    assert_eq!(texts, ["one", "two"]);
}

/// The next events of a stream, as text.
async fn next(body: &mut Body, events: usize) -> String {
    let mut text = String::new();
    while text.matches("\n\n").count() < events {
        let frame = body.frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_events_resumes_says_what_it_skipped_and_ends_with_nothing_lost() {
    let bed = Bed::new();
    for number in 0..150 {
        write(&bed.journal, Server::Seeder, &number.to_string());
    }
    let request = Request::get("/control/journal?since=1")
        .header(header::ACCEPT, "text/event-stream")
        .header("last-event-id", "48")
        .body(Body::empty())
        .unwrap();
    let response = send(&bed.router, request).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body();
    let text = next(&mut body, 101).await;
    assert!(text.starts_with("event: skipped\ndata: {\"skipped\":2}\n\nid: 51\ndata: {"), "{text}");
    assert!(text.contains("id: 150\n"));

    write(&bed.journal, Server::Seeder, "later");
    let text = next(&mut body, 1).await;
    assert!(text.starts_with("id: 151\ndata: {\"seq\":151,"), "{text}");
    bed.journal.reset();
    assert_eq!(next(&mut body, 1).await, "event: reset\ndata: {}\n\n");
}

#[tokio::test]
async fn the_summary_is_there() {
    let bed = Bed::new();
    let (status, summary) = bed.call("GET", "/control/journal/summary", None).await;
    assert_eq!((status, &summary["peers"]), (StatusCode::OK, &json!([])));
}

#[tokio::test]
async fn presets_are_applied_once_and_taken_back() {
    let bed = Bed::new();
    let list = bed.call("GET", "/control/presets", None).await.1;
    assert_eq!(list.as_array().unwrap().len(), presets::all().len());
    for preset in presets::all() {
        let path = format!("/control/presets/{}", preset.name);
        let (status, rules) = bed.call("PUT", &path, None).await;
        assert_eq!(status, StatusCode::OK, "{}", preset.name);
        assert_eq!(rules.as_array().unwrap().len(), preset.rules().len());
        assert_eq!(bed.call("PUT", &path, None).await.0, StatusCode::OK);
        let there = bed.call("GET", "/control/faults", None).await.1;
        assert_eq!(there.as_array().unwrap().len(), preset.rules().len(), "{}", preset.name);
        let applied: Vec<_> = bed
            .call("GET", "/control/presets", None)
            .await
            .1
            .as_array()
            .unwrap()
            .iter()
            .filter(|view| view["applied"] == true)
            .map(|view| view["name"].clone())
            .collect();
        assert_eq!(applied, [preset.name]);
        assert_eq!(bed.call("DELETE", &path, None).await.0, StatusCode::NO_CONTENT);
        assert_eq!(bed.call("GET", "/control/faults", None).await.1, json!([]));
    }
    let (status, error) = bed.call("PUT", "/control/presets/slow3g", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(error["error"], "no preset `slow3g`: did you mean `slow-3g`?");
    let (status, _) = bed.call("PUT", "/control/range/presets/dead-tracker", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let list = bed.call("GET", "/control/range/presets", None).await.1;
    assert!(list.as_array().unwrap().iter().all(|preset| preset["name"] != "dead-tracker"));
}

#[tokio::test]
async fn every_operation_is_described_once() {
    let bed = Bed::new();
    let control = Control::bed([
        control(&bed.tracker, &bed.journal, &bed.resets),
        control(&bed.seeder, &bed.journal, &bed.resets),
    ]);
    let document = serde_json::to_value(bed_router(control).into_openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 14);
    let mut ids = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            let named = operation["parameters"].to_string().contains("\"server\"");
            assert!(named || !path.contains("{server}"), "{method} {path}");
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for name in ["tracker.BogusPeers", "seeder.Corrupt", "range.Swap", "Rule", "JournalEntry"] {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

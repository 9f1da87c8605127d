//! Rules are read strictly, from JSON and from TOML.

use std::fs;

use seedbed_fault::{
    AnyRule, FaultSet, RangeFault, Rule, SeederFault, Server, TrackerFault,
    rule::{load, parse_json, parse_toml, rules_of},
};
use serde_json::{Value, json};

fn error<F: FaultSet>(rule: Value) -> String {
    Rule::<F>::from_value(rule).unwrap_err().to_string()
}

fn seeder(rule: Value) -> String {
    error::<SeederFault>(rule)
}

#[test]
fn an_unknown_field_is_refused_with_its_place_and_the_nearest_name() {
    for (rule, wanted) in [
        (
            json!({"fault":{"type":"corrupt"},"probabilty":0.5}),
            "unknown field `probabilty`: did you mean `probability`?",
        ),
        (
            json!({"on":{"pice":3},"fault":{"type":"corrupt"}}),
            "unknown field `pice` at on: did you mean `piece`?",
        ),
        (
            json!({"fault":{"type":"corrupt","byte":3}}),
            "unknown field `byte` at fault: did you mean `bytes`?",
        ),
        (
            json!({"fault":{"type":"drop_requests","colour":3}}),
            "unknown field `colour` at fault: it takes no parameter",
        ),
        (
            json!({"fault":{"type":"corrupt","colour":3}}),
            "unknown field `colour` at fault: wanted one of bytes",
        ),
    ] {
        assert_eq!(seeder(rule), wanted);
    }
}

#[test]
fn an_unknown_type_is_refused_with_the_nearest_name_or_with_its_server() {
    assert_eq!(
        seeder(json!({"fault":{"type":"curropt"}})),
        "unknown type `curropt` at fault.type: did you mean `corrupt`?"
    );
    assert_eq!(
        seeder(json!({"fault":{"type":"quux"}})),
        "unknown type `quux` at fault.type: see docs/faults.md for the types"
    );
    assert_eq!(
        error::<TrackerFault>(json!({"fault":{"type":"no_metadata"}})),
        "type `no_metadata` at fault.type is a fault of the seeder, not of the tracker"
    );
    assert_eq!(
        error::<TrackerFault>(json!({"fault":{"type":"bandwidth","rate":"1KiB/s"}})),
        "type `bandwidth` at fault.type is a fault of the seeder and the range server, not of the \
         tracker"
    );
}

#[test]
fn a_wrong_value_is_refused_with_its_path() {
    for (rule, wanted) in [
        (json!(3), "wanted an object, got 3"),
        (json!({}), "missing field `fault`"),
        (json!({"fault":{}}), "fault: missing field `type`"),
        (json!({"fault":{"type":"latency"}}), "fault: missing field `delay`"),
        (
            json!({"fault":{"type":"latency","delay":"200"}}),
            "fault.delay: wanted a duration such as \"200ms\"",
        ),
        (json!({"fault":{"type":"latency","delay":200}}), "fault.delay: invalid type: integer"),
        (
            json!({"fault":{"type":"latency","delay":"-1s"}}),
            "fault.delay: wanted a duration such as",
        ),
        (
            json!({"fault":{"type":"bandwidth","rate":"64KiB"}}),
            "fault.rate: wanted a rate above zero",
        ),
        (
            json!({"fault":{"type":"corrupt","bytes":-1}}),
            "fault.bytes: invalid value: integer `-1`",
        ),
        (json!({"fault":{"type":"stall","at":"150%"}}), "fault.at: wanted a position such as"),
        (json!({"fault":{"type":"corrupt"},"times":0}), "times: wanted 1 or more, got 0"),
        (json!({"fault":{"type":"corrupt"},"times":-1}), "times: invalid value"),
        (json!({"fault":{"type":"corrupt"},"after":"3"}), "after: invalid type"),
        (
            json!({"fault":{"type":"corrupt"},"probability":1.5}),
            "probability: wanted a number from 0 to 1, got 1.5",
        ),
        (json!({"fault":{"type":"corrupt"},"for":"0s"}), "for: wanted more than 0s"),
        (
            json!({"fault":{"type":"corrupt"},"between":["5s","1s"]}),
            "between: wanted the start before the end, got 5s and 1s",
        ),
        (
            json!({"fault":{"type":"corrupt"},"between":["1s","5x"]}),
            "between[1]: wanted a duration",
        ),
        (json!({"on":{"piece":-3},"fault":{"type":"corrupt"}}), "on.piece: invalid value"),
        (json!({"on":{"piece":"7-3"},"fault":{"type":"corrupt"}}), "on.piece: invalid value"),
        (json!({"on":{"piece":[]},"fault":{"type":"corrupt"}}), "on.piece: wanted at least one"),
        (
            json!({"on":{"infohash":"ab"},"fault":{"type":"corrupt"}}),
            "on.infohash: wanted an infoh",
        ),
        (
            json!({"on":{"address":"10.0.0"},"fault":{"type":"corrupt"}}),
            "on.address: wanted an addr",
        ),
        (
            json!({"on":{"message":["piece","reqest"]},"fault":{"type":"latency","delay":"1s"}}),
            "on.message[1]: unknown message `reqest`: did you mean `request`?",
        ),
        (
            json!({"on":{"transport":"udp"},"fault":{"type":"corrupt"}}),
            "on.transport: the seeder has no `udp`: wanted one of tcp, utp, webrtc",
        ),
        (
            json!({"on":{"message":"scrape"},"fault":{"type":"latency","delay":"1s"}}),
            "on.message: the seeder has no `scrape`: wanted one of keep_alive, choke",
        ),
        (
            json!({"on":{"piece":3},"fault":{"type":"refuse"}}),
            "field `piece` at on: `refuse` of the seeder is decided for each incoming connection, \
             which has none; wanted one of address, transport",
        ),
        (json!({"server":"range","fault":{"type":"corrupt"}}), "server: wanted seeder, got range"),
    ] {
        let error = seeder(rule.clone());
        assert!(error.starts_with(wanted), "{rule}: {error}");
    }
    let error = error::<RangeFault>(json!({"on":{"path":"["},"fault":{"type":"corrupt"}}));
    assert!(error.starts_with("on.path: wanted a pattern"), "{error}");
    let status = json!({"fault":{"type":"http_status","status":99}});
    let error = self::error::<RangeFault>(status);
    assert!(error.starts_with("fault.status: invalid value: integer `99`"), "{error}");
    let location = json!({"fault":{"type":"redirect","to":"/a\r\nX: y"}});
    let error = self::error::<RangeFault>(location);
    assert!(error.starts_with("fault.to: wanted a URL or a path"), "{error}");
}

#[test]
fn an_error_in_a_list_names_the_rule_by_its_index() {
    let list = json!([{"fault":{"type":"refuse"}}, {"on":{"pice":1},"fault":{"type":"corrupt"}}]);
    let error = rules_of(list, &[Server::Seeder]).unwrap_err();
    assert_eq!(error.to_string(), "unknown field `pice` at [1].on: did you mean `piece`?");
    assert_eq!(error.path(), "[1].on");
    for (text, wanted) in [
        ("{}", "missing field `rules`"),
        ("3", "wanted a list of rules, got 3"),
        ("[", "EOF while parsing"),
        (r#"{"rules":[],"rule":[]}"#, "unknown field `rule`: did you mean `rules`?"),
    ] {
        let error = parse_json(text, Server::ALL).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{text}: {error}");
    }
}

#[test]
fn a_rule_without_a_server_goes_to_the_only_one_that_has_its_type() {
    let server = |rule| AnyRule::from_value(rule, Server::ALL).map(|rule| rule.server());
    assert_eq!(server(json!({"fault":{"type":"no_metadata"}})), Ok(Server::Seeder));
    let named = json!({"server":"range","fault":{"type":"corrupt"}});
    assert_eq!(server(named), Ok(Server::Range));
    let error = server(json!({"fault":{"type":"corrupt"}})).unwrap_err().to_string();
    let wanted = "missing field `server`: `corrupt` is a fault of the seeder and the range server";
    assert_eq!(error, wanted);
    let error = server(json!({"fault":{"type":"curropt"}})).unwrap_err().to_string();
    assert_eq!(error, "unknown type `curropt` at fault.type: did you mean `corrupt`?");
}

#[test]
fn toml_and_json_say_the_same() {
    let toml = r#"
        [[rules]]
        server = "seeder"
        on = { piece = [3, "10-12"], torrent = "test-*" }
        fault = { type = "corrupt", bytes = 2 }
        times = 3
        probability = 0.5
        seed = 7
        for = "10s"
        between = ["1s", "5s"]
    "#;
    let json = r#"[{"on":{"piece":[3,"10-12"],"torrent":"test-*"},
        "fault":{"type":"corrupt","bytes":2},"after":0,"times":3,"probability":0.5,"seed":7,
        "for":"10s","between":["1s","5s"]}]"#;
    let rules = parse_toml(toml, Server::ALL).unwrap();
    assert_eq!(rules, parse_json(json, &[Server::Seeder]).unwrap());
    let [AnyRule::Seeder(rule)] = rules.as_slice() else { panic!("{rules:?}") };
    assert_eq!(rule.times, Some(3));
    let whole = parse_toml("[[rules]]\nafter = 1.0", Server::ALL).unwrap_err().to_string();
    assert_eq!(whole, "[0]: missing field `fault`");
}

#[test]
fn a_file_serves_a_whole_bed_and_each_server_takes_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.json");
    fs::write(
        &path,
        r#"[{"server":"tracker","fault":{"type":"no_reply"}},{"fault":{"type":"corrupt"}}]"#,
    )
    .unwrap();
    let rules = load(&path, &[Server::Seeder]).unwrap();
    assert_eq!(Rule::<SeederFault>::select(rules.clone()).len(), 1);
    assert_eq!(rules.len(), 1);
    let error = load(&path, Server::ALL).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("[1]: missing field `server`"), "{source}");
    let error = load(&folder.path().join("none.toml"), Server::ALL).unwrap_err().to_string();
    assert!(error.contains("none.toml"), "{error}");
}

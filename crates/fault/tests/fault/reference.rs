//! The reference documentation is what the types say, and its examples are rules.

use std::{env, fs, path::PathBuf};

use seedbed_fault::{
    FaultSet, Point, RangeFault, Rule, SeederFault, TrackerFault, faults::FaultInfo, reference,
    rule::KEYS,
};
use serde_json::{Value, json};

#[test]
fn the_reference_is_what_the_types_say() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let wanted = reference::markdown();
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap();
    let hint = "write it anew with UPDATE=1 cargo test -p seedbed-fault --test fault reference";
    assert!(there == wanted, "docs/faults.md differs: {hint}");
}

fn check<F: FaultSet>() {
    for FaultInfo { name, example, meaning, parameters, .. } in F::infos() {
        let value: Value = serde_json::from_str(example).unwrap();
        let rule =
            Rule::<F>::from_value(value.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(rule.fault.type_name(), *name);
        assert!(meaning.ends_with('.'), "{name}: {meaning}");
        for parameter in parameters {
            assert!(parameter.meaning.ends_with('.'), "{name}.{}", parameter.name);
            assert!(!parameter.kind.contains(['<', ':']), "{name}: {}", parameter.kind);
        }
        // Every rule is the same once it went out and came in again.
        let again = serde_json::to_value(&rule).unwrap();
        assert_eq!(Rule::from_value(again).unwrap(), rule, "{name}");
        // And defaults are what they are said to be.
        let mut spelt_out = value;
        for parameter in parameters {
            let Some(default) = &parameter.default else { continue };
            let fault = spelt_out["fault"].as_object_mut().unwrap();
            let default: Value = serde_json::from_str(default).unwrap();
            fault.entry(parameter.name).or_insert(default);
        }
        assert_eq!(Rule::from_value(spelt_out).unwrap(), rule, "{name}");
    }
}

#[test]
fn every_example_is_a_rule_of_its_fault_and_survives_a_round_trip() {
    check::<TrackerFault>();
    check::<SeederFault>();
    check::<RangeFault>();
}

#[test]
fn every_key_has_an_example_that_a_rule_takes() {
    for key in KEYS {
        let value: Value = serde_json::from_str(key.example).unwrap();
        let on = json!({ key.name: value });
        let fault = |name| json!({ "on": on, "fault": { "type": name } });
        let tracker = Rule::<TrackerFault>::from_value(fault("empty_peers")).is_ok();
        let seeder = Rule::<SeederFault>::from_value(fault("disconnect")).is_ok();
        let range = Rule::<RangeFault>::from_value(fault("corrupt")).is_ok();
        assert!(tracker || seeder || range, "{}", key.name);
    }
    for (server, point) in
        seedbed_fault::Server::ALL.iter().flat_map(|it| Point::ALL.iter().map(move |p| (it, p)))
    {
        for name in point.keys(*server) {
            assert!(KEYS.iter().any(|key| key.name == *name), "{name}");
        }
    }
}

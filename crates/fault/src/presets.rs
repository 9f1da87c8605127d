//! Presets: named lists of rules.

use std::sync::LazyLock;

use crate::{
    rule::{AnyRule, near::nearest, parse_json},
    words::Server,
};

/// A list of rules with a name.
#[derive(Clone, Debug)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Its rules, as JSON.
    pub json: &'static str,
    rules: Vec<AnyRule>,
}

const PRESETS: [(&str, &str, &str); 8] = [
    (
        "slow-3g",
        "A slow mobile network: 400 kbit/s to each client, and 400 ms until an answer begins.",
        r#"[
  {"server":"range","fault":{"type":"bandwidth","rate":"400kbit/s"}},
  {"server":"range","fault":{"type":"latency","delay":"400ms","jitter":"100ms"},"seed":1},
  {"server":"seeder","fault":{"type":"bandwidth","rate":"400kbit/s"}},
  {"server":"tracker","fault":{"type":"latency","delay":"400ms","jitter":"100ms"},"seed":1}
]"#,
    ),
    (
        "flaky",
        "Now and then a connection breaks: one announce and one file request in ten, one block in fifty.",
        r#"[
  {"server":"tracker","fault":{"type":"disconnect"},"probability":0.1,"seed":7},
  {"server":"seeder","on":{"message":"piece"},"fault":{"type":"disconnect"},"after":20,"probability":0.02,"seed":7},
  {"server":"range","fault":{"type":"disconnect","at":"64KiB"},"probability":0.1,"seed":7}
]"#,
    ),
    (
        "dead-tracker",
        "The tracker takes requests and answers none.",
        r#"[{"server":"tracker","fault":{"type":"no_reply"}}]"#,
    ),
    (
        "corrupt-once",
        "The first block that the seeder sends, and the first body of a file, have one wrong byte.",
        r#"[
  {"server":"seeder","fault":{"type":"corrupt"},"times":1,"seed":7},
  {"server":"range","on":{"method":"GET"},"fault":{"type":"corrupt"},"times":1,"seed":7}
]"#,
    ),
    (
        "poisoned-peer",
        "The tracker lists a peer that nobody can connect to, before the others.",
        r#"[{"server":"tracker","on":{"message":"announce"},"fault":{"type":"bogus_peers","addresses":["127.0.0.1:9"]}}]"#,
    ),
    (
        "freeze-at-half",
        "The first transfer stops half way and stays connected, until the preset is removed.",
        r#"[
  {"server":"seeder","fault":{"type":"stall","at":"50%"},"times":1},
  {"server":"range","on":{"method":"GET"},"fault":{"type":"stall","at":"50%"},"times":1}
]"#,
    ),
    (
        "origin-429",
        "The range server answers the first three requests with 429 and Retry-After of two seconds.",
        r#"[{"server":"range","fault":{"type":"http_status","status":429,"retry_after":"2s"},"times":3}]"#,
    ),
    (
        "origin-down-then-up",
        "The range server answers the first five requests with 503, and then recovers: a test for circuit breakers.",
        r#"[{"server":"range","fault":{"type":"http_status","status":503},"times":5}]"#,
    ),
];

/// All presets.
///
/// # Panics
/// A preset holds a wrong rule, which a test rules out.
#[must_use]
pub fn all() -> &'static [Preset] {
    static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| {
        let preset = |(name, description, json)| {
            let mut rules = parse_json(json, Server::ALL)
                .unwrap_or_else(|error| panic!("preset {name}: {error}"));
            rules.iter_mut().for_each(|rule| rule.set_preset(name));
            Preset { name, description, json, rules }
        };
        PRESETS.into_iter().map(preset).collect()
    });
    &ALL
}

/// There is no such preset, or it has no rule for a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPreset {
    /// There is none.
    #[error("no preset `{name}`{}", hint(name))]
    Unknown {
        /// The name that was wanted.
        name: String,
    },
    /// It has no rule for any of these servers.
    #[error("preset `{name}` has no rule for {}", servers.join(" or "))]
    NoRule {
        /// Its name.
        name: &'static str,
        /// The servers.
        servers: Vec<&'static str>,
    },
}

fn hint(name: &str) -> String {
    let names = || PRESETS.iter().map(|&(name, ..)| name);
    // Names of presets have hyphens, where names of fields have underscores.
    let plain: Vec<_> = names().map(|name| (name.replace('-', "_"), name)).collect();
    let near = nearest(name, plain.iter().map(|(plain, _)| plain.as_str()));
    match near.and_then(|near| plain.iter().find(|(plain, _)| plain == near)) {
        Some((_, near)) => format!(": did you mean `{near}`?"),
        None => format!(": wanted one of {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// The preset of a name.
///
/// # Errors
/// There is none.
pub fn find(name: &str) -> Result<&'static Preset, NoPreset> {
    let found = all().iter().find(|preset| preset.name == name);
    found.ok_or_else(|| NoPreset::Unknown { name: name.to_owned() })
}

impl Preset {
    /// Its rules, marked with its name.
    #[must_use]
    pub fn rules(&self) -> &[AnyRule] {
        &self.rules
    }

    /// Its rules for some servers.
    ///
    /// # Errors
    /// It has none for any of them.
    pub fn rules_for(&self, scope: &[Server]) -> Result<Vec<AnyRule>, NoPreset> {
        let wanted = |rule: &&AnyRule| scope.contains(&rule.server());
        let rules: Vec<_> = self.rules.iter().filter(wanted).cloned().collect();
        if rules.is_empty() {
            let servers = scope.iter().map(|server| server.word()).collect();
            return Err(NoPreset::NoRule { name: self.name, servers });
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_holds_rules_that_parse() {
        for preset in all() {
            assert!(!preset.rules().is_empty(), "{}", preset.name);
            assert!(preset.description.ends_with('.'), "{}", preset.name);
        }
    }

    #[test]
    fn an_unknown_preset_is_refused_with_the_nearest_name() {
        let error = find("slow_3g").unwrap_err().to_string();
        assert_eq!(error, "no preset `slow_3g`: did you mean `slow-3g`?");
        let error = find("slow-3g").unwrap().rules_for(&[]).unwrap_err();
        assert!(matches!(error, NoPreset::NoRule { .. }));
        let error = find("dead-tracker").unwrap().rules_for(&[Server::Range]).unwrap_err();
        assert_eq!(error.to_string(), "preset `dead-tracker` has no rule for range");
    }
}

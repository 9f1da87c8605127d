//! Reads one rule out of JSON or TOML that was already parsed into a [`Value`].

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    KEYS, On, Rule, RuleError,
    error::{servers, with_article},
    near::nearest,
};
use crate::{
    faults::{FaultError, FaultInfo, FaultSet, RangeFault, SeederFault, TrackerFault},
    units::Span,
    words::Server,
};

/// The fields of a rule, besides those that only the control API writes.
const FIELDS: [&str; 11] = [
    "server",
    "on",
    "fault",
    "after",
    "times",
    "probability",
    "seed",
    "for",
    "between",
    "enabled",
    "preset",
];

/// What `GET /control/faults` says of a rule beyond the rule. Ignored here, so that its answer can
/// be sent back.
const READ_ONLY: [&str; 4] = ["id", "matched", "fired", "active"];

/// The fault types of a server.
pub(super) fn infos(server: Server) -> &'static [FaultInfo] {
    match server {
        Server::Tracker => TrackerFault::infos(),
        Server::Seeder => SeederFault::infos(),
        Server::Range => RangeFault::infos(),
    }
}

/// The servers that have a fault type.
pub(super) fn owners(name: &str) -> Vec<Server> {
    let has = |server: &Server| infos(*server).iter().any(|info| info.name == name);
    Server::ALL.iter().copied().filter(has).collect()
}

/// `path.field`, or `field` at the top.
pub(super) fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

pub(super) fn object(value: Value, path: &str) -> Result<Map<String, Value>, RuleError> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(RuleError::invalid(path, format_args!("wanted an object, got {other}"))),
    }
}

/// The value of a field, with the error at the field or below it.
fn field<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, RuleError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let below = error.path().to_string();
        let path = match below.as_str() {
            "." => path.to_owned(),
            index if index.starts_with('[') => format!("{path}{index}"),
            below => join(path, below),
        };
        RuleError::invalid(path, error.inner())
    })
}

impl<F: FaultSet> Rule<F> {
    /// Reads a rule.
    ///
    /// # Errors
    /// A field is unknown, missing or wrong; the error names it by its path.
    pub fn from_value(value: Value) -> Result<Self, RuleError> {
        Self::parse(value, "")
    }

    /// Reads the rule that stands at `path` of a longer text.
    pub(super) fn parse(value: Value, path: &str) -> Result<Self, RuleError> {
        let mut fields = object(value, path)?;
        for name in fields.keys().map(String::as_str) {
            if !FIELDS.contains(&name) && !READ_ONLY.contains(&name) {
                return Err(RuleError::unknown_field(path, name, FIELDS.to_vec()));
            }
        }
        // `null` stands for a field that is not there, as in the answer of the control API.
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_null());

        if let Some(server) = take("server") {
            let at = join(path, "server");
            let server: Server = field(server, &at)?;
            if server != F::SERVER {
                let message = format!("wanted {}, got {server}", F::SERVER);
                return Err(RuleError::invalid(at, message));
            }
        }
        let fault = take("fault").ok_or_else(|| RuleError::missing(path, "fault"))?;
        let fault: F = parse_fault(fault, &join(path, "fault"))?;
        let on = take("on").unwrap_or_else(|| Map::new().into());
        let mut rule = Self { on: parse_on(on, &fault, &join(path, "on"))?, ..Self::new(fault) };
        if let Some(after) = take("after") {
            rule.after = field(after, &join(path, "after"))?;
        }
        if let Some(times) = take("times") {
            let at = join(path, "times");
            rule.times = Some(field(times, &at)?);
            if rule.times == Some(0) {
                let message = "wanted 1 or more, got 0; leave it out for every time";
                return Err(RuleError::invalid(at, message));
            }
        }
        if let Some(probability) = take("probability") {
            let at = join(path, "probability");
            rule.probability = field(probability, &at)?;
            if !(0.0..=1.0).contains(&rule.probability) {
                let message = format!("wanted a number from 0 to 1, got {}", rule.probability);
                return Err(RuleError::invalid(at, message));
            }
        }
        if let Some(seed) = take("seed") {
            rule.seed = field(seed, &join(path, "seed"))?;
        }
        if let Some(lasting) = take("for") {
            let at = join(path, "for");
            let lasting: Span = field(lasting, &at)?;
            if lasting == Span::default() {
                return Err(RuleError::invalid(at, "wanted more than 0s"));
            }
            rule.lasting = Some(lasting);
        }
        if let Some(between) = take("between") {
            let at = join(path, "between");
            let (start, end): (Span, Span) = field(between, &at)?;
            if start >= end {
                let message = format!("wanted the start before the end, got {start} and {end}");
                return Err(RuleError::invalid(at, message));
            }
            rule.between = Some((start, end));
        }
        if let Some(enabled) = take("enabled") {
            rule.enabled = field(enabled, &join(path, "enabled"))?;
        }
        if let Some(preset) = take("preset") {
            rule.preset = Some(field(preset, &join(path, "preset"))?);
        }
        Ok(rule)
    }
}

fn parse_fault<F: FaultSet>(value: Value, path: &str) -> Result<F, RuleError> {
    let mut parameters = object(value, path)?;
    let name = parameters.remove("type").ok_or_else(|| RuleError::missing(path, "type"))?;
    let at = join(path, "type");
    let name: String = field(name, &at)?;
    let Some(info) = F::info(&name) else {
        let owners = owners(&name);
        if !owners.is_empty() {
            return Err(RuleError::other_server(&at, &name, owners, F::SERVER));
        }
        let near = nearest(&name, F::infos().iter().map(|info| info.name));
        return Err(RuleError::unknown_type(&at, &name, near));
    };
    let known = || info.parameters.iter().map(|parameter| parameter.name);
    if let Some(unknown) = parameters.keys().find(|name| !known().any(|known| known == *name)) {
        return Err(RuleError::unknown_field(path, unknown, known().collect()));
    }
    F::build(&name, parameters).map_err(|error| match error {
        FaultError::UnknownType => RuleError::unknown_type(&at, &name, None),
        FaultError::Parameter { path: below, message } if below.is_empty() => {
            RuleError::invalid(path, message)
        }
        FaultError::Parameter { path: below, message } => {
            RuleError::invalid(join(path, &below), message)
        }
    })
}

fn parse_on<F: FaultSet>(value: Value, fault: &F, path: &str) -> Result<On, RuleError> {
    let fields = object(value, path)?;
    let point = F::info(fault.type_name()).map(|info| info.point);
    let applicable = point.map_or(&[][..], |point| point.keys(F::SERVER));
    for name in fields.keys() {
        if applicable.contains(&name.as_str()) {
            continue;
        }
        if !KEYS.iter().any(|key| key.name == name) {
            return Err(RuleError::unknown_field(path, name, applicable.to_vec()));
        }
        let counted = point.map_or("request", |point| point.counted());
        let reason = format!(
            "`{}` of {} is decided for each {counted}, which has none; wanted one of {}",
            fault.type_name(),
            with_article(F::SERVER),
            applicable.join(", ")
        );
        return Err(RuleError::inapplicable(path, name, reason));
    }
    let on: On = field(Value::Object(fields), path)?;
    let transports = on.transport.iter().flat_map(|key| &key.0);
    let messages = on.message.iter().flat_map(|key| &key.0);
    let none = |field: &str, got: &str, known: Vec<&str>| {
        let (server, known) = (servers(&[F::SERVER]), known.join(", "));
        let message = format!("{server} has no `{got}`: wanted one of {known}");
        RuleError::invalid(join(path, field), message)
    };
    for transport in transports {
        let known = F::SERVER.transports();
        if !known.contains(transport) {
            let known = known.iter().map(|it| it.word()).collect();
            return Err(none("transport", transport.word(), known));
        }
    }
    for message in messages {
        let known = F::SERVER.messages();
        if !known.contains(message) {
            let known = known.iter().map(|it| it.word()).collect();
            return Err(none("message", message.word(), known));
        }
    }
    Ok(on)
}

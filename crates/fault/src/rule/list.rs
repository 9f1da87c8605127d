//! Lists of rules, of one server or of several, from JSON or TOML.

use std::{io, path::Path};

use serde_json::Value;

use super::{
    Rule, RuleError,
    error::servers,
    parse::{join, object, owners},
};
use crate::{
    faults::{FaultSet, RangeFault, SeederFault, TrackerFault},
    words::Server,
};

/// A rule of any server.
#[derive(Clone, Debug, PartialEq)]
pub enum AnyRule {
    /// Of the tracker.
    Tracker(Rule<TrackerFault>),
    /// Of the seeder.
    Seeder(Rule<SeederFault>),
    /// Of the range server.
    Range(Rule<RangeFault>),
}

impl AnyRule {
    /// Reads a rule for one of `scope`. Its field `server` says which one, unless only one of them
    /// has the type.
    ///
    /// # Errors
    /// A field is unknown, missing or wrong; the error names it by its path.
    pub fn from_value(value: Value, scope: &[Server]) -> Result<Self, RuleError> {
        Self::parse(value, scope, "")
    }

    fn parse(value: Value, scope: &[Server], path: &str) -> Result<Self, RuleError> {
        match server_of(&value, scope, path)? {
            Server::Tracker => Rule::parse(value, path).map(Self::Tracker),
            Server::Seeder => Rule::parse(value, path).map(Self::Seeder),
            Server::Range => Rule::parse(value, path).map(Self::Range),
        }
    }

    /// The server that it is for.
    #[must_use]
    pub const fn server(&self) -> Server {
        match self {
            Self::Tracker(_) => Server::Tracker,
            Self::Seeder(_) => Server::Seeder,
            Self::Range(_) => Server::Range,
        }
    }

    /// The name of its fault.
    #[must_use]
    pub fn fault_name(&self) -> &'static str {
        match self {
            Self::Tracker(rule) => rule.fault.type_name(),
            Self::Seeder(rule) => rule.fault.type_name(),
            Self::Range(rule) => rule.fault.type_name(),
        }
    }

    /// Notes the preset that it belongs to.
    pub(crate) fn set_preset(&mut self, name: &str) {
        let preset = match self {
            Self::Tracker(rule) => &mut rule.preset,
            Self::Seeder(rule) => &mut rule.preset,
            Self::Range(rule) => &mut rule.preset,
        };
        *preset = Some(name.to_owned());
    }
}

/// The server that a rule is for.
fn server_of(value: &Value, scope: &[Server], path: &str) -> Result<Server, RuleError> {
    if let Some(named) = value.get("server").filter(|named| !named.is_null()) {
        let at = join(path, "server");
        let server: Server = serde_json::from_value(named.clone())
            .map_err(|error| RuleError::invalid(at.clone(), error))?;
        if !scope.contains(&server) {
            let scope: Vec<_> = scope.iter().map(|server| server.word()).collect();
            let message = format!("wanted {}, got {server}", scope.join(" or "));
            return Err(RuleError::invalid(at, message));
        }
        return Ok(server);
    }
    if let [only] = scope {
        return Ok(*only);
    }
    let Some(name) = value.pointer("/fault/type").and_then(Value::as_str) else {
        // Any server's parser finds out what is missing.
        return scope.first().copied().ok_or_else(|| RuleError::missing(path, "server"));
    };
    let owners: Vec<_> = owners(name).into_iter().filter(|owner| scope.contains(owner)).collect();
    match owners.as_slice() {
        [only] => Ok(*only),
        [] => {
            let names = Server::ALL.iter().flat_map(|&server| super::parse::infos(server));
            let near = super::near::nearest(name, names.map(|info| info.name));
            Err(RuleError::unknown_type(&join(path, "fault.type"), name, near))
        }
        several => {
            let which = servers(several);
            let message = format!("missing field `server`: `{name}` is a fault of {which}");
            Err(RuleError::invalid(path, message))
        }
    }
}

/// Reads a list of rules, or `{"rules": [...]}`, for the servers of `scope`.
///
/// # Errors
/// One of the rules is wrong. The path in the error starts with its index: `[1].on.piece`.
pub fn rules_of(value: Value, scope: &[Server]) -> Result<Vec<AnyRule>, RuleError> {
    elements(value)?
        .into_iter()
        .enumerate()
        .map(|(index, rule)| AnyRule::parse(rule, scope, &format!("[{index}]")))
        .collect()
}

fn elements(value: Value) -> Result<Vec<Value>, RuleError> {
    let list = match value {
        Value::Array(list) => return Ok(list),
        Value::Object(_) => {
            let mut fields = object(value, "")?;
            let list = fields.remove("rules");
            if let Some(unknown) = fields.keys().next() {
                return Err(RuleError::unknown_field("", unknown, vec!["rules"]));
            }
            list.ok_or_else(|| RuleError::missing("", "rules"))?
        }
        other => other,
    };
    match list {
        Value::Array(list) => Ok(list),
        other => Err(RuleError::invalid("", format_args!("wanted a list of rules, got {other}"))),
    }
}

/// Reads a list of rules from JSON.
///
/// # Errors
/// The text is no JSON, or one of the rules is wrong.
pub fn parse_json(text: &str, scope: &[Server]) -> Result<Vec<AnyRule>, RuleError> {
    let value = serde_json::from_str(text).map_err(|error| RuleError::invalid("", error))?;
    rules_of(value, scope)
}

/// Reads a list of rules from TOML: `[[rules]]`.
///
/// # Errors
/// The text is no TOML, or one of the rules is wrong.
pub fn parse_toml(text: &str, scope: &[Server]) -> Result<Vec<AnyRule>, RuleError> {
    let value = toml::from_str(text)
        .map_err(|error: toml::de::Error| RuleError::invalid("", error.to_string().trim_end()))?;
    rules_of(value, scope)
}

/// Why a file of rules cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("failed to read the fault rules of {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A rule is wrong.
    #[error("failed to load the fault rules of {path}")]
    Rule {
        /// The file.
        path: String,
        /// What is wrong.
        source: RuleError,
    },
}

/// Reads the file of `--faults`: TOML if its name ends so, JSON otherwise.
///
/// A file may hold rules of every server, so that one serves a whole bed: rules whose field
/// `server` names one outside of `scope` are checked and left out.
///
/// # Errors
/// The file cannot be read, or one of the rules is wrong.
pub fn load(path: &Path, scope: &[Server]) -> Result<Vec<AnyRule>, LoadError> {
    let name = || path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: name(), source })?;
    let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let value: Result<Value, _> = if is_toml {
        toml::from_str(&text).map_err(|error| RuleError::invalid("", error.to_string().trim_end()))
    } else {
        serde_json::from_str(&text).map_err(|error| RuleError::invalid("", error))
    };
    let rules = value.and_then(elements).and_then(|rules| {
        let parse = |(index, rule): (usize, Value)| {
            let named = rule.get("server").is_some_and(|server| !server.is_null());
            let scope = if named { Server::ALL } else { scope };
            AnyRule::parse(rule, scope, &format!("[{index}]"))
        };
        rules.into_iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()
    });
    let mut rules = rules.map_err(|source| LoadError::Rule { path: name(), source })?;
    rules.retain(|rule| scope.contains(&rule.server()));
    Ok(rules)
}

impl<F: FaultSet> Rule<F> {
    /// The rules of this server.
    #[must_use]
    pub fn select(rules: Vec<AnyRule>) -> Vec<Self> {
        rules.into_iter().filter_map(|rule| F::take(rule)).collect()
    }
}

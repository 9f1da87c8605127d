//! The faults: one module for each server, one type for each fault.
//!
//! The `faults!` macro writes for each fault a struct of its parameters with a strict parser,
//! and an entry of the reference documentation out of the same lines. How a fault takes effect is
//! the server's business; what can be computed without sockets is in [`crate::apply`].

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Ref, RefOr, Schema, schema::AnyOfBuilder},
};

use crate::{
    rule::{AnyRule, Rule},
    subject::Point,
    units::{Position, Span},
    words::Server,
};

pub mod range;
pub mod seeder;
pub mod tracker;
pub mod values;

pub use range::RangeFault;
pub use seeder::SeederFault;
pub use tracker::TrackerFault;

/// A fault type, as the documentation lists it.
#[derive(Clone, Debug)]
pub struct FaultInfo {
    /// Its name, the `type` of a rule.
    pub name: &'static str,
    /// What it does.
    pub meaning: String,
    /// The moment at which the server asks for it, and thus what its rule counts.
    pub point: Point,
    /// Whether a rule that is added acts on transfers that have begun before.
    pub in_progress: bool,
    /// Its parameters.
    pub parameters: Vec<ParameterInfo>,
    /// A rule, as JSON.
    pub example: &'static str,
}

/// A parameter of a fault.
#[derive(Clone, Debug)]
pub struct ParameterInfo {
    /// Its name.
    pub name: &'static str,
    /// The kind of value, such as `duration`.
    pub kind: &'static str,
    /// The value without it, as JSON; `None` if the parameter is required.
    pub default: Option<String>,
    /// What it does.
    pub meaning: String,
}

/// A condition besides the match that must hold before a rule counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gate {
    /// Nothing.
    Open,
    /// This much content was sent on the connection.
    Sent(Position),
    /// More than so many matches came within a window of time.
    Quota {
        /// How many are free in each window.
        requests: u64,
        /// The length of a window.
        per: Duration,
    },
    /// The rule has this age.
    Age(Duration),
}

/// The faults of one server.
pub trait FaultSet:
    Clone + std::fmt::Debug + PartialEq + Serialize + Send + Sync + 'static
{
    /// The server.
    const SERVER: Server;

    /// All types, in the order of the documentation.
    fn infos() -> &'static [FaultInfo];

    /// Builds a fault out of its type and its parameters.
    ///
    /// # Errors
    /// The type is unknown, or a parameter is wrong.
    fn build(name: &str, parameters: Map<String, Value>) -> Result<Self, FaultError>;

    /// The name of its type.
    fn type_name(&self) -> &'static str;

    /// The condition beyond the match.
    fn gate(&self) -> Gate {
        Gate::Open
    }

    /// The delay and its jitter, if it is a latency.
    fn latency(&self) -> Option<(Span, Span)> {
        None
    }

    /// The rule, if it is one of this server.
    fn take(rule: AnyRule) -> Option<Rule<Self>>;

    /// This fault as one of any server.
    fn into_any(self) -> Fault;

    /// The documentation of a type.
    fn info(name: &str) -> Option<&'static FaultInfo> {
        Self::infos().iter().find(|info| info.name == name)
    }
}

/// The reason why a fault cannot be built.
#[derive(Debug)]
pub enum FaultError {
    /// There is no such type.
    UnknownType,
    /// A parameter is wrong or missing.
    Parameter {
        /// The path to it below the fault; empty for the fault itself.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// A fault of any server.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fault {
    /// Of the tracker.
    Tracker(TrackerFault),
    /// Of the seeder.
    Seeder(SeederFault),
    /// Of the range server.
    Range(RangeFault),
}

impl PartialSchema for Fault {
    fn schema() -> RefOr<Schema> {
        // Not `oneOf`: the servers have types in common.
        AnyOfBuilder::new()
            .item(Ref::from_schema_name(TrackerFault::name()))
            .item(Ref::from_schema_name(SeederFault::name()))
            .item(Ref::from_schema_name(RangeFault::name()))
            .into()
    }
}

impl ToSchema for Fault {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((TrackerFault::name().into_owned(), TrackerFault::schema()));
        schemas.push((SeederFault::name().into_owned(), SeederFault::schema()));
        schemas.push((RangeFault::name().into_owned(), RangeFault::schema()));
        TrackerFault::schemas(schemas);
        SeederFault::schemas(schemas);
        RangeFault::schemas(schemas);
    }
}

/// Reads parameters and names the one at fault.
pub(crate) fn parse<'de, T: Deserialize<'de>>(
    parameters: Map<String, Value>,
) -> Result<T, FaultError> {
    serde_path_to_error::deserialize(Value::Object(parameters)).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        FaultError::Parameter { path, message: error.inner().to_string() }
    })
}

/// The words of a default for the documentation.
pub(crate) fn default_text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The name of a parameter's kind in the documentation, from its Rust type.
pub(crate) fn kind(rust_type: &'static str) -> &'static str {
    let inner = rust_type.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>'));
    match inner.unwrap_or(rust_type) {
        "Span" => "duration",
        "SignedSpan" => "duration, may be negative",
        "Size" => "size",
        "Rate" => "rate",
        "Position" => "size or percentage",
        "Pieces" => "pieces",
        "String" => "text",
        "u32" | "u64" => "number",
        "i64" => "number, may be negative",
        "bool" => "true or false",
        "StatusCode" => "status code",
        "SocketAddrs" => "list of addresses",
        "RetryIn" => "duration or `\"never\"`",
        "Validators" => "`\"keep\"` or `\"change\"`",
        "Location" => "URL or path",
        other => other,
    }
}

/// Joins the lines of a doc comment.
pub(crate) fn prose(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line.trim());
    }
    text
}

/// Declares the faults of one server; see the modules that use it.
macro_rules! faults {
    (
        $(#[doc = $enum_doc:literal])*
        $module:ident::$enum:ident of $server:ident;
        $(
            $(#[doc = $doc:literal])*
            $type:literal => $variant:ident at $point:ident $( $in_progress:ident )? {
                $(
                    $(#[doc = $parameter_doc:literal])*
                    $parameter:ident: $parameter_type:ty $( = $default:expr )?,
                )*
            } $example:literal
        )*
    ) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
            #[schema(as = $module::$variant)]
            pub struct $variant {
                $(
                    $(#[doc = $parameter_doc])*
                    $(
                        #[doc = ""]
                        #[doc = concat!("By default ", stringify!($default), ".")]
                        #[schema(required = false)]
                    )?
                    pub $parameter: $parameter_type,
                )*
            }

            impl<'de> serde::Deserialize<'de> for $variant {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    // Each parameter is optional here, so that the defaults stand beside the
                    // parameters and nowhere else.
                    #[derive(serde::Deserialize)]
                    #[serde(deny_unknown_fields)]
                    struct Given {
                        $( $parameter: Option<$parameter_type>, )*
                    }
                    #[allow(unused_variables, reason = "some faults have no parameter")]
                    let given = Given::deserialize(d)?;
                    Ok(Self {
                        $( $parameter: match given.$parameter {
                            Some(value) => value,
                            None => faults!(@default D $parameter $( $default )?),
                        }, )*
                    })
                }
            }
        )*

        $(#[doc = $enum_doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
        #[serde(tag = "type")]
        pub enum $enum {
            $( $(#[doc = $doc])* #[serde(rename = $type)] $variant($variant), )*
        }

        impl $enum {
            fn collect_infos() -> Vec<$crate::faults::FaultInfo> {
                vec![ $( $crate::faults::FaultInfo {
                    name: $type,
                    meaning: $crate::faults::prose(&[$( $doc ),*]),
                    point: $crate::subject::Point::$point,
                    in_progress: faults!(@any $( $in_progress )?),
                    parameters: vec![ $( $crate::faults::ParameterInfo {
                        name: stringify!($parameter),
                        kind: $crate::faults::kind(stringify!($parameter_type)),
                        default: faults!(@shown $parameter_type; $( $default )?),
                        meaning: $crate::faults::prose(&[$( $parameter_doc ),*]),
                    }, )* ],
                    example: $example,
                }, )* ]
            }

            fn parse_type(
                name: &str,
                parameters: serde_json::Map<String, serde_json::Value>,
            ) -> Result<Self, $crate::faults::FaultError> {
                match name {
                    $( $type => $crate::faults::parse(parameters).map(Self::$variant), )*
                    _ => Err($crate::faults::FaultError::UnknownType),
                }
            }
        }

        impl $crate::faults::FaultSet for $enum {
            const SERVER: $crate::words::Server = $crate::words::Server::$server;

            fn infos() -> &'static [$crate::faults::FaultInfo] {
                static INFOS: std::sync::LazyLock<Vec<$crate::faults::FaultInfo>> =
                    std::sync::LazyLock::new($enum::collect_infos);
                &INFOS
            }

            fn build(
                name: &str,
                parameters: serde_json::Map<String, serde_json::Value>,
            ) -> Result<Self, $crate::faults::FaultError> {
                Self::parse_type(name, parameters)
            }

            fn type_name(&self) -> &'static str {
                match self {
                    $( Self::$variant(_) => $type, )*
                }
            }

            fn gate(&self) -> $crate::faults::Gate {
                self.condition()
            }

            fn latency(&self) -> Option<($crate::units::Span, $crate::units::Span)> {
                match self {
                    Self::Latency(latency) => Some((latency.delay, latency.jitter)),
                    _ => None,
                }
            }

            fn take(rule: $crate::rule::AnyRule) -> Option<$crate::rule::Rule<Self>> {
                match rule {
                    $crate::rule::AnyRule::$server(rule) => Some(rule),
                    _ => None,
                }
            }

            fn into_any(self) -> $crate::faults::Fault {
                $crate::faults::Fault::$server(self)
            }
        }
    };
    (@default $d:ident $parameter:ident) => {
        return Err(<$d::Error as serde::de::Error>::missing_field(stringify!($parameter)))
    };
    (@default $d:ident $parameter:ident $default:expr) => { $default };
    (@shown $type:ty;) => { None };
    (@shown $type:ty; $default:expr) => {{
        let default: $type = $default;
        Some($crate::faults::default_text(&default))
    }};
    (@any) => { false };
    (@any in_progress) => { true };
}
use faults;

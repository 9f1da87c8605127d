//! `/control/presets`: lists of rules with a name.

use axum::{Json, http::StatusCode, response::Response};
use seedbed_service::admin::{self, ErrorBody};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    RuleView,
    faults::{check_counts, ids},
    refused,
    scope::Scope,
};
use crate::{
    presets::{self, NoPreset},
    words::Server,
};

/// A list of rules with a name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preset)]
pub(super) struct PresetView {
    /// Its name.
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// The servers addressed that it has rules for.
    servers: Vec<Server>,
    /// Its rules.
    rules: Vec<Value>,
    /// Whether its rules are in force.
    applied: bool,
}

/// The presets
///
/// Those that have a rule for a server addressed.
#[utoipa::path(
    get, path = "/presets", tag = "faults", operation_id = "presets",
    responses((status = 200, description = "By name", body = [PresetView]))
)]
pub(super) async fn list(scope: Scope) -> Json<Vec<PresetView>> {
    let servers = scope.servers();
    let there: Vec<_> = scope.members.iter().flat_map(|member| member.store.list()).collect();
    let view = |preset: &presets::Preset| {
        let mine: Vec<_> = servers
            .iter()
            .copied()
            .filter(|server| preset.rules().iter().any(|rule| rule.server() == *server))
            .collect();
        let rules: Vec<Value> = serde_json::from_str(preset.json).unwrap_or_default();
        PresetView {
            name: preset.name,
            description: preset.description,
            applied: there.iter().any(|view| view.rule.preset.as_deref() == Some(preset.name)),
            rules,
            servers: mine,
        }
    };
    let views = presets::all().iter().map(view);
    Json(views.filter(|view| !view.servers.is_empty()).collect())
}

/// Adds the rules of a preset
///
/// Behind the others, and in place of those that the preset has already.
#[utoipa::path(
    put, path = "/presets/{name}", tag = "faults", operation_id = "apply_preset",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "Its rules", body = [RuleView]),
        (status = 404, description = "There is none, or it has no rule for the server", body = ErrorBody),
    )
)]
pub(super) async fn put(scope: Scope) -> Result<Json<Vec<RuleView>>, Response> {
    let preset = presets::find(scope.parameter("name")).map_err(|error| not_found(&error))?;
    let rules = preset.rules_for(&scope.servers()).map_err(|error| not_found(&error))?;
    check_counts(&scope, &rules, true).map_err(|error| refused(&error))?;
    let mut views = Vec::new();
    for member in &scope.members {
        let added = member.store.replace_preset(preset.name, rules.clone());
        let added = added.map_err(|error| refused(&error))?;
        scope.note(member.store.server(), "added", ids(&added));
        views.extend(added);
    }
    Ok(Json(views))
}

/// Removes the rules of a preset
#[utoipa::path(
    delete, path = "/presets/{name}", tag = "faults", operation_id = "withdraw_preset",
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "Its rules are removed"),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
pub(super) async fn delete(scope: Scope) -> Result<StatusCode, Response> {
    let preset = presets::find(scope.parameter("name")).map_err(|error| not_found(&error))?;
    for member in &scope.members {
        let removed = member.store.remove_preset(preset.name);
        scope.note(member.store.server(), "removed", removed);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn not_found(error: &NoPreset) -> Response {
    admin::error(StatusCode::NOT_FOUND, error.to_string())
}

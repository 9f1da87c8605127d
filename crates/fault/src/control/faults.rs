//! `/control/faults`: the rules in force.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use seedbed_service::{JsonBody, admin::ErrorBody};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    RuleBody, RuleView, refused,
    scope::{Scope, no_rule},
};
use crate::{
    matcher::{MAX_RULES, RuleId, TooManyRules},
    rule::{AnyRule, rules_of},
    words::Server,
};

/// The rules
///
/// In their order, each with how often it matched and fired.
#[utoipa::path(
    get, path = "/faults", tag = "faults", operation_id = "faults",
    responses((status = 200, description = "The rules of all servers addressed", body = [RuleView]))
)]
pub(super) async fn list(scope: Scope) -> Json<Vec<RuleView>> {
    Json(scope.members.iter().flat_map(|member| member.store.list()).collect())
}

/// Replaces all rules
///
/// All or nothing: if one of the rules is wrong, nothing changes. Counters restart. The answer of
/// the GET request can be sent back.
#[utoipa::path(
    put, path = "/faults", tag = "faults", operation_id = "replace_faults",
    request_body = [RuleBody],
    responses(
        (status = 200, description = "The rules", body = [RuleView]),
        (status = 400, description = "A field is wrong, and named", body = ErrorBody),
        (status = 413, description = "The body is longer than 64 KiB", body = ErrorBody),
    )
)]
pub(super) async fn replace(
    scope: Scope,
    JsonBody(value): JsonBody<Value>,
) -> Result<Json<Vec<RuleView>>, Response> {
    let rules = rules_of(value, &scope.servers()).map_err(|error| refused(&error))?;
    check_counts(&scope, &rules, false).map_err(|error| refused(&error))?;
    let mut views = Vec::new();
    for member in &scope.members {
        let added = member.store.replace(rules.clone()).map_err(|error| refused(&error))?;
        scope.note(member.store.server(), "replaced", ids(&added));
        views.extend(added);
    }
    Ok(Json(views))
}

/// Adds a rule behind the others
#[utoipa::path(
    post, path = "/faults", tag = "faults", operation_id = "add_fault",
    request_body = RuleBody,
    responses(
        (status = 201, description = "The rule", body = RuleView, headers(("location" = String))),
        (status = 400, description = "A field is wrong, and named", body = ErrorBody),
        (status = 413, description = "The body is longer than 64 KiB", body = ErrorBody),
    )
)]
pub(super) async fn add(
    scope: Scope,
    JsonBody(value): JsonBody<Value>,
) -> Result<Response, Response> {
    let rule = AnyRule::from_value(value, &scope.servers()).map_err(|error| refused(&error))?;
    let server = rule.server();
    let owner = scope.members.iter().find(|member| member.store.server() == server);
    let added = owner.map(|member| member.store.add(vec![rule])).transpose();
    let added = added.map_err(|error| refused(&error))?.unwrap_or_default();
    scope.note(server, "added", ids(&added));
    let view = added.into_iter().next();
    let id = view.as_ref().map(|view| view.id).unwrap_or_default();
    // Also right where one server of a bed was addressed: numbers are the bed's.
    let location = [(header::LOCATION, format!("/control/faults/{id}"))];
    Ok((StatusCode::CREATED, location, Json(view)).into_response())
}

/// Removes all rules
#[utoipa::path(
    delete, path = "/faults", tag = "faults", operation_id = "delete_faults",
    responses((status = 204, description = "No rule is left"))
)]
pub(super) async fn delete_all(scope: Scope) -> StatusCode {
    for member in &scope.members {
        scope.note(member.store.server(), "removed", member.store.clear());
    }
    StatusCode::NO_CONTENT
}

/// One rule
#[utoipa::path(
    get, path = "/faults/{id}", tag = "faults", operation_id = "fault",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, description = "The rule", body = RuleView),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
pub(super) async fn one(scope: Scope) -> Result<Json<RuleView>, Response> {
    let id = scope.id()?;
    let mut rules = scope.members.iter().flat_map(|member| member.store.list());
    rules.find(|view| view.id == id).map(Json).ok_or_else(|| no_rule(id))
}

/// The fields of a rule that PATCH changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RuleChange)]
pub(super) struct Change {
    /// Whether it is enabled.
    enabled: bool,
}

/// Enables or disables a rule
///
/// Its counters stay.
#[utoipa::path(
    patch, path = "/faults/{id}", tag = "faults", operation_id = "change_fault",
    params(("id" = u64, Path, description = "Its number")),
    request_body = Change,
    responses(
        (status = 200, description = "The rule", body = RuleView),
        (status = 400, description = "A field is wrong, and named", body = ErrorBody),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
pub(super) async fn change(
    scope: Scope,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<RuleView>, Response> {
    let id = scope.id()?;
    let mut changed = scope.members.iter().filter_map(|it| it.store.enable(id, change.enabled));
    let view = changed.next().ok_or_else(|| no_rule(id))?;
    let action = if change.enabled { "enabled" } else { "disabled" };
    scope.note(view.rule.server, action, vec![id]);
    Ok(Json(view))
}

/// Removes a rule
///
/// Connections that it held go on.
#[utoipa::path(
    delete, path = "/faults/{id}", tag = "faults", operation_id = "delete_fault",
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "The rule is removed"),
        (status = 404, description = "There is none", body = ErrorBody),
    )
)]
pub(super) async fn delete(scope: Scope) -> Result<StatusCode, Response> {
    let id = scope.id()?;
    let owner = scope.members.iter().find(|member| member.store.remove(id));
    let owner = owner.ok_or_else(|| no_rule(id))?;
    scope.note(owner.store.server(), "removed", vec![id]);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn ids(views: &[RuleView]) -> Vec<RuleId> {
    views.iter().map(|view| view.id).collect()
}

/// Checks that no server gets too many rules, before any gets some.
pub(super) fn check_counts(
    scope: &Scope,
    new: &[AnyRule],
    besides: bool,
) -> Result<(), TooManyRules> {
    let fits = |server: Server, there: usize| {
        there + new.iter().filter(|rule| rule.server() == server).count() <= MAX_RULES
    };
    let mut members = scope.members.iter();
    let fit = members
        .all(|member| fits(member.store.server(), if besides { member.store.count() } else { 0 }));
    if fit { Ok(()) } else { Err(TooManyRules) }
}

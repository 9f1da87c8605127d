//! The control API under `/control`: rules, presets, journal, reset.
//!
//! A server mounts [`router`] with a [`Control`] of its own. A bed mounts [`bed_router`] with the
//! controls of all its servers in one: `/control/...` then addresses all of them, and
//! `/control/{server}/...` one. `seedbed_service::guard` decides who may change state.

mod faults;
mod journal;
mod presets;
mod query;
mod reset;
mod scope;
mod store;
mod view;

use std::sync::Arc;

use axum::http::StatusCode;
use seedbed_service::admin;
use utoipa::openapi::{
    RefOr, Required,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use reset::{Reset, reset_fn};
pub use view::{RuleBody, RuleView};

use self::store::RuleStore;
use crate::{faults::FaultSet, journal::Journal, matcher::Faults, words::Server};

/// What the control API acts on: the rules of one server or of several, and their journal.
#[derive(Clone)]
pub struct Control {
    members: Arc<[Member]>,
    journal: Journal,
}

/// One server.
#[derive(Clone)]
struct Member {
    store: Arc<dyn RuleStore>,
    reset: Arc<dyn Reset>,
}

impl Control {
    /// The control of one server. `reset` brings it back to the state of a fresh start; the
    /// control API itself clears rules and journal.
    #[must_use]
    pub fn new<F: FaultSet>(faults: Faults<F>, journal: Journal, reset: Arc<dyn Reset>) -> Self {
        Self { members: [Member { store: Arc::new(faults), reset }].into(), journal }
    }

    /// The control of several servers that share a journal, which is that of the first.
    ///
    /// # Panics
    /// There is no server.
    #[must_use]
    pub fn bed(controls: impl IntoIterator<Item = Self>) -> Self {
        let mut controls = controls.into_iter().peekable();
        let journal = controls.peek().map(|control| control.journal.clone());
        let members = controls.flat_map(|control| control.members.to_vec()).collect();
        Self { members, journal: journal.expect("a bed has a server") }
    }

    /// The servers.
    fn servers(&self) -> Vec<Server> {
        self.members.iter().map(|member| member.store.server()).collect()
    }
}

/// The routes of one server, or of all servers of a bed, with their descriptions.
pub fn router(control: Control) -> OpenApiRouter {
    OpenApiRouter::new().nest("/control", routes_of(control))
}

/// As [`router`], with `/control/{server}/...` for each server beside it.
pub fn bed_router(control: Control) -> OpenApiRouter {
    let mut single = routes_of(control.clone());
    for item in single.get_openapi_mut().paths.paths.values_mut() {
        operations(item).for_each(address_one);
    }
    router(control).nest("/control/{server}", single)
}

fn routes_of(control: Control) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(faults::list, faults::replace, faults::add, faults::delete_all))
        .routes(routes!(faults::one, faults::change, faults::delete))
        .routes(routes!(reset::reset))
        .routes(routes!(journal::read, journal::clear))
        .routes(routes!(journal::summary))
        .routes(routes!(presets::list))
        .routes(routes!(presets::put, presets::delete))
        .with_state(control)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// Describes an operation as that of one server of a bed.
fn address_one(operation: &mut Operation) {
    if let Some(id) = &mut operation.operation_id {
        id.push_str("_of_server");
    }
    let server: Parameter = ParameterBuilder::new()
        .name("server")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("`tracker`, `seeder` or `range`"))
        .schema(Some(<Server as utoipa::PartialSchema>::schema()))
        .build();
    operation.parameters.get_or_insert_default().insert(0, RefOr::T(server));
}

/// An error as every endpoint gives it.
fn refused(error: &impl std::fmt::Display) -> axum::response::Response {
    admin::error(StatusCode::BAD_REQUEST, error.to_string())
}

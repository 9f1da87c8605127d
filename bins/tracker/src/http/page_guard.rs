//! Applies the [`Guard`] to pages, and leaves announces and scrapes alone.
//!
//! Peers reach a tracker under any name, and an announce tells a foreign page nothing that it could not
//! have from a tracker of its own.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::future::Either;
use seedbed_service::guard::{Guard, Guarded};
use tower_layer::Layer;
use tower_service::Service;

use super::respond::Endpoint;

/// The layer.
#[derive(Clone, Debug)]
pub(super) struct PageGuard(pub(super) Guard);

/// A service, with and without the guard.
#[derive(Clone, Debug)]
pub(super) struct GuardedPages<S> {
    guarded: Guarded<S>,
    unguarded: S,
}

impl<S: Clone> Layer<S> for PageGuard {
    type Service = GuardedPages<S>;

    fn layer(&self, service: S) -> GuardedPages<S> {
        let guarded = self.0.clone().layer().layer(service.clone());
        GuardedPages { guarded, unguarded: service }
    }
}

impl<S> Service<Request> for GuardedPages<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, <Guarded<S> as Service<Request>>::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Both are the same service.
        self.guarded.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match Endpoint::of(request.uri().path().as_bytes()) {
            Some(_) => Either::Left(self.unguarded.call(request)),
            None => Either::Right(self.guarded.call(request)),
        }
    }
}

//! The guard as a `tower` layer.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    http::{HeaderValue, Method, Request, StatusCode, header, request},
    response::{IntoResponse as _, Response},
};
use futures_util::future::{Either, FutureExt as _, Map};
use tower_layer::Layer;
use tower_service::Service;

use super::Guard;

/// Methods that a page of an allowed origin may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// Header fields that a page of an allowed origin may send.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");

/// Applies a [`Guard`] to a service.
///
/// It belongs outside of a layer that allows every origin to read: it answers the preflight requests
/// of the origins that `--control-origin` names.
#[derive(Clone, Debug)]
pub struct GuardLayer(Arc<Guard>);

impl GuardLayer {
    pub(super) fn new(guard: Guard) -> Self {
        Self(Arc::new(guard))
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, service: S) -> Guarded<S> {
        Guarded { guard: Arc::clone(&self.0), service }
    }
}

/// A service that answers only the requests that the guard lets through.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    guard: Arc<Guard>,
    service: S,
}

/// Names the allowed origin in a response.
type Share<E> = Box<dyn FnOnce(Result<Response, E>) -> Result<Response, E> + Send>;

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, Map<S::Future, Share<S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let origin = self.allowed_origin(&head);
        let answer = match (self.guard.check(&head.method, &head.uri, &head.headers), &origin) {
            (Err(refusal), _) => Some(refusal.response()),
            (Ok(()), Some(_)) if is_preflight(&head) => Some(allow_methods()),
            (Ok(()), _) => None,
        };
        let share: Share<S::Error> = match origin {
            Some(origin) => Box::new(|answer| answer.map(|response| share_with(origin, response))),
            None => Box::new(|answer| answer),
        };
        match answer {
            Some(answer) => Either::Left(ready(share(Ok(answer)))),
            None => {
                let request = Request::from_parts(head, body);
                Either::Right(self.service.call(request).map(share))
            }
        }
    }
}

impl<S> Guarded<S> {
    /// The request's origin, if `--control-origin` names it.
    fn allowed_origin(&self, head: &request::Parts) -> Option<HeaderValue> {
        let origin = head.headers.get(header::ORIGIN)?;
        self.guard.allows_origin(origin.to_str().ok()?).then(|| origin.clone())
    }
}

fn is_preflight(head: &request::Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn allow_methods() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Lets a page of `origin` read the response.
fn share_with(origin: HeaderValue, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

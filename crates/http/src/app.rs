//! The service of a server, with the layers that hold for every request.
//!
//! From the outside in: tracing at debug level, the server's own layer (metrics, faults, a journal),
//! CORS, and panics caught as status 500. Refused requests take the same way, and are answered in
//! front of the service, so that a layer sees whatever the server answers.

use std::{
    any::Any,
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use futures_util::future::Either;
use seedbed_service::admin;
use tower::util::MapResponse;
use tower_http::{
    body::UnsyncBoxBody,
    catch_panic::{CatchPanic, CatchPanicLayer},
    cors::{Any as AnyOrigin, Cors, CorsLayer},
    trace::TraceLayer,
};
use tower_layer::{Identity, Layer};
use tower_service::Service;
use tracing::{Level, Span};

use crate::head::Refusal;

/// A service from a request to a response, as the server needs it.
pub trait HttpService: Clone + Send + 'static {
    /// The body of its responses.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// Answers a request.
    fn answer(
        &mut self,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;

    async fn answer(&mut self, request: Request<Body>) -> Response<B> {
        let Ok(()) = std::future::poll_fn(|context| self.poll_ready(context)).await;
        let Ok(response) = self.call(request).await;
        response
    }
}

/// A service with the layers around it.
#[derive(Clone, Debug)]
pub struct App<S>(pub(crate) S);

impl App<()> {
    /// Puts the common layers around a service, such as axum's `Router`.
    pub fn new<S>(service: S) -> App<impl HttpService>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
    {
        Self::layered(service, Identity::new())
    }

    /// As [`App::new`], with a layer outside of CORS, which sees every request: those that no
    /// route knows, preflights, and those that the server refuses, which have [`Refusal`] as an
    /// extension.
    pub fn layered<S, L, C>(service: S, layer: L) -> App<impl HttpService>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
        L: Layer<Answers<S>>,
        L::Service: Service<Request<Body>, Response = Response<C>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        <L::Service as Service<Request<Body>>>::Future: Send,
        C: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
        C::Error: std::fmt::Display,
    {
        let handler: PanicHandler = panicked;
        let caught = CatchPanicLayer::custom(handler).layer(Gate(service));
        let caught = MapResponse::new(caught, into_body as IntoBody);
        let traced = TraceLayer::new_for_http()
            .make_span_with(span)
            .on_request(())
            .on_response(tower_http::trace::DefaultOnResponse::new().level(Level::DEBUG))
            .on_body_chunk(())
            .on_eos(())
            .on_failure(());
        App(traced.layer(layer.layer(cors().layer(caught))))
    }
}

/// A service that answers every request, as the layer of [`App::layered`] gets it.
pub type Answers<S> = Cors<MapResponse<CatchPanic<Gate<S>, PanicHandler>, IntoBody>>;

type IntoBody = fn(Response<UnsyncBoxBody<Bytes, BoxError>>) -> Response<Body>;

fn into_body(response: Response<UnsyncBoxBody<Bytes, BoxError>>) -> Response<Body> {
    response.map(Body::new)
}

/// Lets a page of any origin read every answer, and nothing more: a preflight allows neither
/// another method nor another header field than reading needs.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers([header::RANGE])
        .expose_headers([
            header::CONTENT_RANGE,
            header::ACCEPT_RANGES,
            header::CONTENT_LENGTH,
            header::ETAG,
        ])
        .vary([])
}

fn span(request: &Request<Body>) -> Span {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    tracing::debug_span!(
        "request",
        peer = peer.map(|info| tracing::field::display(info.0)),
        method = %request.method(),
        uri = %request.uri(),
        range = request.headers().get(header::RANGE).map(tracing::field::debug),
        refused = request.extensions().get::<Refusal>().map(|refusal| &*refusal.message),
    )
}

/// Answers in place of a handler that panicked.
pub type PanicHandler = fn(Box<dyn Any + Send>) -> Response<Body>;

fn panicked(panic: Box<dyn Any + Send>) -> Response<Body> {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(message, "a handler panicked");
    error(StatusCode::INTERNAL_SERVER_ERROR, "the server failed to answer this request")
}

/// An error as every seedbed server gives it: `{"error":"...","status":400}`.
#[must_use]
pub fn error(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(admin::error_body(status, message).to_string().into());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Answers refused requests, and passes all others to the service.
#[derive(Clone, Debug)]
pub struct Gate<S>(S);

impl<S> Service<Request<Body>> for Gate<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match request.extensions().get::<Refusal>() {
            Some(refusal) => {
                Either::Left(ready(Ok(error(refusal.status, refusal.message.clone()))))
            }
            None => Either::Right(self.0.call(request)),
        }
    }
}

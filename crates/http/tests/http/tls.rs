//! TLS as a transport: its handshake has a limit.

use std::io;

use seedbed_http::{Limits, TlsArgs};
use tokio::time::Instant;

use crate::{connect, echo_server};

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_handshake_is_closed_in_time() {
    let args = TlsArgs { tls: true, ..TlsArgs::default() };
    let server = echo_server().tls(args.load(std::iter::empty()).unwrap());
    let (_silent, served) = connect(&server);
    let begun = Instant::now();
    let error = served.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    assert_eq!(begun.elapsed(), Limits::default().handshake);
}

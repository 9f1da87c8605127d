//! The names `wget`, `curl` and `sh` for a server's own binary.
//!
//! Compose files run these commands as health checks, and an image that holds one binary has none of
//! them. The images have links of these names to the binary. Called by one of them, the binary makes
//! one request and exits with the code that the command would have.
//!
//! Only options that make sense for a health check are accepted; errors name the others. A probe
//! tries once, follows no redirect and writes no file. `sh` runs a list of commands with `&&`, `||`
//! and `;`, and knows nothing else of a shell.
//!
//! Linking this costs less than the alternatives: `busybox-static` has 2.0 MB and no `curl`, a static
//! binary of its own has 1.3 MB, and the tracker's image may take 6 MB in all.

mod options;
mod shell;
mod tool;

use std::{
    io::Write as _,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use hyper::{HeaderMap, Method, StatusCode, header};
use url::Url;

use crate::http_client::{self, Error};

pub(crate) use tool::Tool;

/// The requests that a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Probe {
    tool: Tool,
    urls: Vec<Url>,
    method: Method,
    headers: HeaderMap,
    timeout: Duration,
    /// Whether bodies go to stdout.
    show_body: bool,
    /// Whether a status of 400 and above is a failure.
    fail_on_error: bool,
    /// Whether errors are left out of stderr.
    quiet: bool,
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    code: u8,
    /// The bytes for stdout.
    output: Vec<u8>,
    /// The line for stderr.
    message: Option<String>,
}

impl Ended {
    fn with_code(code: u8) -> Self {
        Self { code, output: Vec::new(), message: None }
    }

    fn failed(code: u8, message: impl Into<String>) -> Self {
        Self { code, output: Vec::new(), message: Some(message.into()) }
    }
}

/// Runs the command by whose name this process was called, and returns its exit code; `None` if the
/// name is the binary's own. Every `main` calls this first.
#[must_use]
pub fn run() -> Option<ExitCode> {
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let name = args.next()?;
    let args: Vec<String> = args.collect();
    let ended = match Path::new(&name).file_name()?.to_str()? {
        "sh" => shell::run(&args),
        name => tool::run(Tool::named(name)?, &args),
    };
    let _reader_is_gone = std::io::stdout().lock().write_all(&ended.output);
    if let Some(message) = ended.message {
        let _reader_is_gone = writeln!(std::io::stderr().lock(), "{message}");
    }
    Some(ended.code.into())
}

impl Probe {
    /// Requests each URL in turn, until one fails.
    fn run(&self) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Ended::failed(1, error.to_string()),
        };
        let mut output = Vec::new();
        for url in &self.urls {
            let begun = Instant::now();
            let result =
                runtime.block_on(http_client::within(self.timeout, url, self.request(url)));
            let failure = match result {
                Ok((status, body)) => {
                    output.extend(body);
                    let failed = self.fail_on_error
                        && (status.is_client_error() || status.is_server_error());
                    failed.then(|| (self.tool.code_of_error_status(), format!("answered {status}")))
                }
                Err(error) => Some((self.tool.code_of_failure(&error), with_cause(&error))),
            };
            if let Some((code, why)) = failure {
                let took = begun.elapsed().as_millis();
                let message = format!("{}: {url}: {why} (after {took} ms)", self.tool.name());
                return Ended { code, output, message: (!self.quiet).then_some(message) };
            }
        }
        Ended { code: 0, output, message: None }
    }

    async fn request(&self, url: &Url) -> Result<(StatusCode, Vec<u8>), Error> {
        let answer = http_client::send(self.method.clone(), url, self.headers.clone()).await?;
        let status = answer.status();
        let body = if self.show_body { answer.body().await?.to_vec() } else { Vec::new() };
        Ok((status, body))
    }
}

/// An error and its causes, on one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Adds the header field of the line `name: value`.
fn add_header(headers: &mut HeaderMap, line: &str) -> Option<()> {
    let (name, value) = line.split_once(':')?;
    let name = header::HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
    headers.insert(name, value.trim().parse().ok()?);
    Some(())
}

/// Parses a URL as these tools do: one without a scheme is HTTP.
fn parse_url(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    whole.parse().map_err(|error| format!("wanted a URL, got {text:?}: {error}"))
}

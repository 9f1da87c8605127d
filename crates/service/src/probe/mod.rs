//! The names `wget`, `curl` and `sh` for a server's own binary.
//!
//! Compose files probe their containers with those commands, and an image with nothing but one
//! binary in it has none of them. The images have links of those names to the binary: called by one
//! of them it makes one request, and its exit code is what the command's would be.
//!
//! They are probes. Of the options those are understood that have a meaning for one; others are
//! refused by name. There is one try and no redirect, no file is written, and `sh` knows a list of
//! commands with `&&`, `||` and `;`, nothing else of a shell.

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

/// What is asked, by whichever tool.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Probe {
    tool: Tool,
    urls: Vec<Url>,
    method: Method,
    headers: HeaderMap,
    timeout: Duration,
    /// Whether bodies go to stdout.
    show: bool,
    /// Whether a status of 400 and more is a failure.
    fail: bool,
    /// Whether nothing is said of a failure.
    quiet: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    code: u8,
    /// What goes to stdout.
    output: Vec<u8>,
    /// What goes to stderr.
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

/// Does what a probing command would if this process was called by the name of one, and gives its
/// exit code. A `main` calls it first.
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
    /// Asks each URL in turn, until one fails.
    fn run(&self) -> Ended {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Ended::failed(1, error.to_string()),
        };
        let mut output = Vec::new();
        for url in &self.urls {
            let begun = Instant::now();
            let asked = runtime.block_on(http_client::within(self.timeout, url, self.ask(url)));
            let failure = match asked {
                Ok((status, body)) => {
                    output.extend(body);
                    let failed =
                        self.fail && (status.is_client_error() || status.is_server_error());
                    failed.then(|| (self.tool.refused(), format!("answered {status}")))
                }
                Err(error) => Some((self.tool.code(&error), with_cause(&error))),
            };
            if let Some((code, why)) = failure {
                let took = begun.elapsed().as_millis();
                let message = format!("{}: {url}: {why} (after {took} ms)", self.tool.name());
                return Ended { code, output, message: (!self.quiet).then_some(message) };
            }
        }
        Ended { code: 0, output, message: None }
    }

    async fn ask(&self, url: &Url) -> Result<(StatusCode, Vec<u8>), Error> {
        let answer = http_client::send(self.method.clone(), url, self.headers.clone()).await?;
        let status = answer.status();
        let body = if self.show { answer.body().await?.to_vec() } else { Vec::new() };
        Ok((status, body))
    }
}

/// An error and what caused it, on one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The header `name: value`.
fn add_header(headers: &mut HeaderMap, line: &str) -> Option<()> {
    let (name, value) = line.split_once(':')?;
    let name = header::HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
    headers.insert(name, value.trim().parse().ok()?);
    Some(())
}

/// A URL as these tools take it: without a scheme it is HTTP.
fn parse_url(text: &str) -> Result<Url, String> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    whole.parse().map_err(|error| format!("wanted a URL, got {text:?}: {error}"))
}

//! The command lines of `wget` and `curl`, and their exit codes.

use std::time::Duration;

use hyper::{HeaderMap, Method, header};

use super::{
    Ended, Probe, add_header,
    options::{self, Argument, Known},
    parse_url,
};
use crate::http_client::Error;

/// How long a request may take, unless the command line says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A command that makes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Wget,
    Curl,
}

/// GNU wget's and BusyBox's. `-nv` is `-n` with a value.
const WGET: Known = Known {
    short: "qSc46",
    short_with_value: "OtTnUY",
    long: &[
        "quiet",
        "no-verbose",
        "spider",
        "server-response",
        "no-check-certificate",
        "no-proxy",
        "no-cache",
        "inet4-only",
        "inet6-only",
    ],
    long_with_value: &[
        "output-document",
        "tries",
        "timeout",
        "connect-timeout",
        "dns-timeout",
        "read-timeout",
        "wait",
        "waitretry",
        "header",
        "user-agent",
        "proxy",
    ],
};

const CURL: Known = Known {
    short: "fsSLIkgN46v",
    short_with_value: "omHArX",
    long: &[
        "fail",
        "fail-with-body",
        "silent",
        "show-error",
        "location",
        "head",
        "insecure",
        "globoff",
        "no-buffer",
        "no-progress-meter",
        "ipv4",
        "ipv6",
        "verbose",
        "compressed",
        "retry-connrefused",
        "retry-all-errors",
    ],
    long_with_value: &[
        "output",
        "max-time",
        "connect-timeout",
        "header",
        "user-agent",
        "range",
        "request",
        "retry",
        "retry-delay",
        "retry-max-time",
        "noproxy",
        "url",
    ],
};

/// Runs one command.
pub(super) fn run(tool: Tool, args: &[String]) -> Ended {
    match parse(tool, args) {
        Ok(probe) => probe.run(),
        Err(message) => Ended::failed(2, format!("{}: {message}", tool.name())),
    }
}

/// Takes a command line apart.
fn parse(tool: Tool, args: &[String]) -> Result<Probe, String> {
    let known = match tool {
        Tool::Wget => &WGET,
        Tool::Curl => &CURL,
    };
    let mut probe = Probe {
        tool,
        urls: Vec::new(),
        method: Method::GET,
        headers: HeaderMap::new(),
        timeout: TIMEOUT,
        show_body: tool == Tool::Curl,
        fail_on_error: tool == Tool::Wget,
        quiet: false,
    };
    let mut show_errors = false;
    for argument in options::parse(known, args)? {
        let (name, value) = match argument {
            Argument::Operand(url) => {
                probe.urls.push(parse_url(&url)?);
                continue;
            }
            Argument::Option(name, value) => (name, value),
        };
        match name.as_str() {
            "url" => probe.urls.push(parse_url(&value)?),
            "spider" | "head" | "I" => probe.method = Method::HEAD,
            "X" | "request" => {
                probe.method = match value.as_str() {
                    "GET" => Method::GET,
                    "HEAD" => Method::HEAD,
                    _ => return Err(format!("a probe sends GET or HEAD, got {value}")),
                };
            }
            "fail" | "f" | "fail-with-body" => probe.fail_on_error = true,
            "quiet" | "q" | "silent" | "s" => probe.quiet = true,
            "show-error" => show_errors = true,
            "S" => show_errors = tool == Tool::Curl,
            "output-document" | "O" | "output" | "o" => probe.show_body = goes_to_stdout(&value)?,
            "timeout" | "T" | "max-time" | "m" => probe.timeout = seconds(&value)?,
            "header" | "H" => add_header(&mut probe.headers, &value)
                .ok_or_else(|| format!("wanted a header field, got {value:?}"))?,
            "user-agent" | "U" | "A" => insert(&mut probe.headers, header::USER_AGENT, &value)?,
            "range" | "r" => insert(&mut probe.headers, header::RANGE, &format!("bytes={value}"))?,
            // Verbosity, retries and routing change nothing for a single plain request.
            _ => {}
        }
    }
    probe.quiet &= !show_errors;
    if probe.urls.is_empty() {
        return Err("wanted a URL".to_owned());
    }
    Ok(probe)
}

/// Whether `file` stands for stdout, and not for nowhere.
fn goes_to_stdout(file: &str) -> Result<bool, String> {
    match file {
        "-" | "/dev/stdout" => Ok(true),
        "/dev/null" => Ok(false),
        _ => Err(format!("a probe writes to - or /dev/null, got {file}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        // Zero turns the limit off in both tools.
        Ok(0.0) => Ok(Duration::from_secs(86_400)),
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("wanted a number of seconds up to 86400, got {text:?}")),
    }
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) -> Result<(), String> {
    let value = value.parse().map_err(|_| format!("wanted a value for {name}, got {value:?}"))?;
    headers.insert(name, value);
    Ok(())
}

impl Tool {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Wget, Self::Curl].into_iter().find(|tool| tool.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wget => "wget",
            Self::Curl => "curl",
        }
    }

    /// The exit code for a status of 400 and above.
    pub(super) fn code_of_error_status(self) -> u8 {
        match self {
            Self::Wget => 8,
            Self::Curl => 22,
        }
    }

    /// The exit code for a request without a response.
    pub(super) fn code_of_failure(self, error: &Error) -> u8 {
        match (self, error) {
            (Self::Wget, Error::Unsupported(_)) => 1,
            (Self::Wget, _) => 4,
            (Self::Curl, Error::Unsupported(_)) => 1,
            (Self::Curl, Error::Connect(..)) => 7,
            (Self::Curl, Error::TimedOut(..)) => 28,
            (Self::Curl, _) => 56,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Probe, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse(Tool::named(&words[0]).unwrap(), &words[1..])
    }

    #[test]
    fn health_checks_of_published_compose_files_are_understood() {
        for line in [
            "wget --no-verbose --tries=1 --spider http://localhost:8000/stats",
            "wget -nv -t1 --spider http://localhost:8000/stats",
            "wget -q --spider http://localhost:8000/stats",
            "wget --quiet --tries 1 -T 5 --spider localhost:8000/stats",
        ] {
            let probe = parsed(line).unwrap();
            assert_eq!(probe.method, Method::HEAD, "{line}");
            assert_eq!(probe.urls[0].as_str(), "http://localhost:8000/stats", "{line}");
            assert!(probe.fail_on_error && !probe.show_body, "{line}");
        }
        for line in [
            "curl -f -s -o /dev/null http://localhost:3001/health",
            "curl -fsSo /dev/null --max-time 2.5 http://localhost:3001/health",
            "curl --fail --silent --output /dev/null localhost:3001/health",
        ] {
            let probe = parsed(line).unwrap();
            assert_eq!(probe.method, Method::GET, "{line}");
            assert_eq!(probe.urls[0].as_str(), "http://localhost:3001/health", "{line}");
            assert!(probe.fail_on_error && !probe.show_body, "{line}");
        }
    }

    #[test]
    fn wget_fails_on_an_error_and_curl_only_when_told_to() {
        assert!(parsed("wget -qO- http://a/").unwrap().fail_on_error);
        assert!(!parsed("curl http://a/").unwrap().fail_on_error);
        assert!(parsed("curl --fail-with-body http://a/").unwrap().fail_on_error);
    }

    #[test]
    fn a_body_is_shown_where_the_tool_would_write_it_to_stdout() {
        assert!(parsed("wget -qO- http://a/").unwrap().show_body);
        assert!(parsed("curl http://a/").unwrap().show_body);
        assert!(!parsed("wget http://a/").unwrap().show_body);
    }

    #[test]
    fn silent_options_hide_errors_unless_show_error_is_given() {
        assert!(parsed("curl -s http://a/").unwrap().quiet);
        assert!(!parsed("curl -sS http://a/").unwrap().quiet);
        assert!(!parsed("wget -nv http://a/").unwrap().quiet);
    }

    #[test]
    fn header_fields_ranges_and_the_user_agent_are_sent() {
        let probe = parsed("curl -H Accept:text/html -A me -r 0-0 http://a/").unwrap();
        assert_eq!(probe.headers["accept"], "text/html");
        assert_eq!(probe.headers["user-agent"], "me");
        assert_eq!(probe.headers["range"], "bytes=0-0");
    }

    #[test]
    fn errors_name_the_unsupported_option() {
        for (line, name) in [
            ("wget -O file http://a/", "file"),
            ("wget --post-data=x http://a/", "--post-data=x"),
            ("curl -X DELETE http://a/", "DELETE"),
            ("curl -d x http://a/", "-d"),
            ("curl -m soon http://a/", "soon"),
            ("wget -q", "URL"),
            ("wget http://", "http://"),
        ] {
            assert!(parsed(line).unwrap_err().contains(name), "{line}");
        }
    }
}

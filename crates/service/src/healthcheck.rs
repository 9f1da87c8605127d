//! The `healthcheck` subcommand, which is also an image's HEALTHCHECK.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::{Trust, bind, http_client};

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait between two requests.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Exit 0 if the server is healthy and 1 if it is not
#[derive(Args, Clone, Debug)]
pub struct Healthcheck {
    /// Health URL to ask; by default that of the server's own listening address
    #[arg(long, env = "SEEDBED_HEALTH_URL", value_name = "URL")]
    pub url: Option<Url>,

    /// Ask again until the server is healthy, for at most so long
    #[arg(long, env = "SEEDBED_HEALTH_WAIT", value_name = "SECONDS", default_value_t = 0.0, value_parser = parse_seconds)]
    pub wait: f64,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err(format!("wanted a number of seconds from 0 to 86400, got {text}")),
    }
}

impl Healthcheck {
    /// Requests the health of the server at `--url`, or else of the one that listens on `listen` with
    /// `scheme`, which is `http` or `https`. Over https, any certificate will do.
    ///
    /// # Errors
    /// The server is not healthy, and did not become healthy in time.
    pub async fn run(&self, scheme: &str, listen: SocketAddr) -> anyhow::Result<()> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => format!("{scheme}://{}/health", bind::reachable(listen)).parse()?,
        };
        let deadline = Instant::now() + Duration::from_secs_f64(self.wait);
        loop {
            match probe(&url).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() + RETRY_INTERVAL >= deadline => return Err(error),
                Err(_) => sleep(RETRY_INTERVAL).await,
            }
        }
    }
}

async fn probe(url: &Url) -> anyhow::Result<()> {
    let (status, body) = http_client::get_trusting(url, Some(&Trust::Any), REQUEST_TIMEOUT)
        .await
        .context("not healthy")?;
    if !status.is_success() {
        bail!("not healthy: {url} answered {status}: {}", String::from_utf8_lossy(&body).trim());
    }
    Ok(())
}

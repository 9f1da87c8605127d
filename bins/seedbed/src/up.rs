//! The whole bed in one process.
//!
//! Every socket is bound before anything starts, so that a port in use leaves no half-started bed. If
//! one server fails, the others stop.

use std::time::Duration;

use seedbed_range::root::Root;
use seedbed_seeder::Seeder;
use seedbed_service::{Parts, Shutdown, UsageContext as _, startup};

use crate::{banner::Banner, cli::UpArgs, sockets::Sockets, stock};

/// Runs tracker, seeder and range server until `shutdown`, and prints their URLs once the tracker
/// lists every torrent.
///
/// # Errors
/// A flag is wrong, a port is in use, the content cannot be read, or a server fails.
pub async fn up(args: UpArgs, shutdown: Shutdown) -> anyhow::Result<()> {
    let tls = args.load_tls().usage("failed to set up TLS")?;
    let content = match args.content.clone() {
        Some(directory) => directory,
        None => {
            // A port in use is an error before minutes of encoding. Who connects meanwhile is refused
            // instead of left waiting.
            drop(Sockets::bind(&args)?);
            stock::videos(&shutdown).await?
        }
    };
    let sockets = Sockets::bind(&args)?;
    let addresses = sockets.addresses()?;
    let root = Root::open(&content).usage("nothing to serve")?;

    // The links of the bed name this host, so each server answers under it.
    let mut control = args.control.clone();
    if let Some(host) = &args.host {
        control.allow_host.push(host.parse().usage("bad --host")?);
    }

    let ca = match &tls {
        Some(tls) => tls.publish().usage("failed to set up TLS")?,
        None => None,
    };

    // The tracker stops last, so that the seeder can announce `stopped`.
    let tracker_shutdown = Shutdown::new();
    let mut servers = Parts::new(&shutdown);
    servers.spawn(seedbed_tracker::run(
        seedbed_tracker::Config {
            interval: Duration::from_secs(args.interval.into()),
            tls: tls.clone(),
            control: control.clone(),
            ..seedbed_tracker::Config::default()
        },
        sockets.tracker,
        tracker_shutdown.clone(),
    ));
    servers.spawn(seedbed_range::run(
        seedbed_range::Config {
            root,
            malformed_range: seedbed_range::MalformedRange::default(),
            tls: tls.clone(),
            hls: seedbed_range::hls::Hls { vod: args.hls, live: args.hls_live },
            control: control.clone(),
        },
        sockets.range,
        shutdown.clone(),
    ));

    let segments = args.hls.then(|| content.join(".hls"));
    let links = addresses.links(&args);
    let own = addresses.own_tracker(tls.as_ref())?;
    let mut config = args.torrents.config(Some(content), vec![own.into()], args.dial, control)?;
    config.magnet_trackers = links.announce.iter().map(|url| vec![url.clone()]).collect();
    let outcome = match Seeder::start(config, sockets.seeder, shutdown.clone()).await {
        Ok(seeder) => {
            addresses.announce(args.tls.scheme());
            if seeder.announced().await {
                let torrents = seeder.torrents(&links.seeder_host);
                startup::line(Banner { links: &links, torrents: &torrents, segments, ca });
                startup::ready();
            }
            seeder.finished().await
        }
        Err(error) => Err(error),
    };
    shutdown.cancel();
    tracker_shutdown.cancel();
    outcome.and(servers.finished().await)
}

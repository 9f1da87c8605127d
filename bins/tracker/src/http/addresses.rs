//! The addresses of an announcing peer: those that the connection shows, and those that it may claim.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};

use super::query::{Claims, QueryError};
use crate::{messages::Addresses, sender::is_local};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The warning to a sender whose claims the tracker ignores.
const CLAIMS_IGNORED: &str = "the tracker ignores ip, ipv4 and ipv6: it trusts only senders on the \
                              local network, unless it runs with --trust-proxy";

/// The address that a request comes from: the remote address of the connection or, behind a trusted
/// proxy, the last address in its `X-Forwarded-For`, which is the one that the proxy has seen itself.
///
/// # Errors
/// That is no address.
pub(super) fn sender(
    connection: IpAddr,
    forwarded_for: Option<&[u8]>,
) -> Result<IpAddr, QueryError> {
    let Some(forwarded) = forwarded_for else { return Ok(connection.to_canonical()) };
    let last = forwarded.rsplit(|&byte| byte == b',').next().unwrap_or(forwarded).trim_ascii();
    let (ip, _port) =
        parse(last).ok_or_else(|| QueryError::value(FORWARDED_FOR, "an IP address", last))?;
    Ok(ip)
}

/// The addresses of a peer: the sender's own, unless `ip` gives another, and those that BEP 7's
/// `ipv4` and `ipv6` add. The tracker ignores the claims of a sender that is neither local nor trusted,
/// with a warning.
///
/// # Errors
/// A claim of a trusted sender is no address.
pub(super) fn announced(
    sender: IpAddr,
    port: NonZeroU16,
    claims: &Claims<'_>,
    trust_proxy: bool,
) -> Result<(Addresses, Option<&'static str>), QueryError> {
    let mut addresses = Addresses::from((sender, port));
    if *claims == Claims::default() {
        return Ok((addresses, None));
    }
    if !trust_proxy && !is_local(sender) {
        return Ok((addresses, Some(CLAIMS_IGNORED)));
    }
    if let Some((ip, _)) = claimed("ip", "an IP address", claims.ip.as_deref(), |_| true)? {
        addresses = Addresses::from((ip, port));
    }
    let v4 = claimed("ipv4", "an IPv4 address", claims.ipv4.as_deref(), IpAddr::is_ipv4)?;
    let v6 = claimed("ipv6", "an IPv6 address", claims.ipv6.as_deref(), IpAddr::is_ipv6)?;
    for (ip, its_port) in v4.into_iter().chain(v6) {
        addresses.set(ip, its_port.unwrap_or(port));
    }
    Ok((addresses, None))
}

/// A claim, unless it is an unspecified address: clients send `0.0.0.0` for "don't know".
fn claimed(
    name: &'static str,
    wanted: &'static str,
    claim: Option<&[u8]>,
    fits: impl Fn(&IpAddr) -> bool,
) -> Result<Option<(IpAddr, Option<NonZeroU16>)>, QueryError> {
    let Some(claim) = claim else { return Ok(None) };
    match parse(claim).filter(|(ip, _)| fits(ip)) {
        Some((ip, _)) if ip.is_unspecified() => Ok(None),
        Some(endpoint) => Ok(Some(endpoint)),
        None => Err(QueryError::value(name, wanted, claim)),
    }
}

/// An address, alone or with a port (BEP 7: `ipv6=[2001:db8::1]:6881`).
fn parse(text: &[u8]) -> Option<(IpAddr, Option<NonZeroU16>)> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_canonical(), NonZeroU16::new(address.port())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    Some((bare.parse::<IpAddr>().ok()?.to_canonical(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced_by(sender: &str, claims: Claims<'_>, trust: bool) -> Result<String, String> {
        let port = NonZeroU16::new(6881).unwrap();
        let addresses = announced(sender.parse().unwrap(), port, &claims, trust);
        let (addresses, _) = addresses.map_err(|error| error.to_string())?;
        Ok(addresses.iter().map(|a| a.to_string()).collect::<Vec<_>>().join(" "))
    }

    fn forwarded(line: Option<&str>) -> Result<String, String> {
        let sender = sender([1, 1, 1, 1].into(), line.map(str::as_bytes));
        sender.map(|ip| ip.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_local_sender_may_claim_another_address() {
        let ip = Claims { ip: Some(b"2.2.2.2".into()), ..Claims::default() };
        assert_eq!(announced_by("127.0.0.1", ip.clone(), false).unwrap(), "2.2.2.2:6881");
        assert_eq!(announced_by("1.1.1.1", ip.clone(), false).unwrap(), "1.1.1.1:6881");
        assert_eq!(announced_by("1.1.1.1", ip, true).unwrap(), "2.2.2.2:6881");
    }

    #[test]
    fn bep_7_adds_an_address_of_the_other_family() {
        let bare = Claims { ipv6: Some(b"2001:db8::1".into()), ..Claims::default() };
        assert_eq!(
            announced_by("10.0.0.1", bare, false).unwrap(),
            "10.0.0.1:6881 [2001:db8::1]:6881"
        );
        let endpoint = Claims { ipv6: Some(b"[2001:db8::1]:7".into()), ..Claims::default() };
        assert_eq!(
            announced_by("10.0.0.1", endpoint, false).unwrap(),
            "10.0.0.1:6881 [2001:db8::1]:7"
        );
        let v4 = Claims { ipv4: Some(b"2.2.2.2".into()), ..Claims::default() };
        assert_eq!(announced_by("::1", v4, false).unwrap(), "2.2.2.2:6881 [::1]:6881");
    }

    #[test]
    fn an_error_names_a_wrong_claim_of_a_trusted_sender() {
        let wrong = Claims { ipv4: Some(b"2001:db8::1".into()), ..Claims::default() };
        assert_eq!(
            announced_by("127.0.0.1", wrong.clone(), false).unwrap_err(),
            r#"ipv4: wanted an IPv4 address, got "2001:db8::1""#
        );
        assert_eq!(announced_by("1.1.1.1", wrong, false).unwrap(), "1.1.1.1:6881");
    }

    #[test]
    fn an_unspecified_claim_is_ignored() {
        let nowhere = Claims { ip: Some(b"0.0.0.0".into()), ..Claims::default() };
        assert_eq!(announced_by("127.0.0.1", nowhere, false).unwrap(), "127.0.0.1:6881");
    }

    #[test]
    fn a_sender_that_is_not_trusted_gets_a_warning() {
        let port = NonZeroU16::new(6881).unwrap();
        let ip = Claims { ip: Some(b"2.2.2.2".into()), ..Claims::default() };
        let warning =
            |claims, trust| announced([1, 1, 1, 1].into(), port, claims, trust).unwrap().1;
        assert_eq!(warning(&ip, false), Some(CLAIMS_IGNORED));
        assert_eq!(warning(&ip, true), None);
        assert_eq!(warning(&Claims::default(), false), None);
    }

    #[test]
    fn the_last_address_of_a_proxy_counts() {
        assert_eq!(forwarded(None).unwrap(), "1.1.1.1");
        assert_eq!(forwarded(Some("2.2.2.2")).unwrap(), "2.2.2.2");
        assert_eq!(forwarded(Some("9.9.9.9, 2.2.2.2:80")).unwrap(), "2.2.2.2");
        assert_eq!(forwarded(Some("9.9.9.9,[2001:db8::1]")).unwrap(), "2001:db8::1");
        assert_eq!(
            forwarded(Some("unknown")).unwrap_err(),
            r#"x-forwarded-for: wanted an IP address, got "unknown""#
        );
    }
}

//! Certificates: read from files, or made at start.

use std::{
    collections::BTreeSet,
    fs,
    net::IpAddr,
    path::Path,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::TlsError;

/// The names by which loopback is reached.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// How long before its making a certificate is valid, for clients whose clocks are behind.
const SKEW: Duration = Duration::from_secs(24 * 3600);

/// How long a certificate that is made is valid. Apple's platforms take at most 398 days, those before
/// its making included.
const VALID: Duration = Duration::from_secs(396 * 24 * 3600);

/// A certificate with its chain, and its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Reads a certificate with its chain, and its key.
pub(super) fn read(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
    let read = |flag, path: &Path| {
        fs::read(path).map_err(|error| TlsError::Read(flag, path.to_owned(), error))
    };
    let not_pem =
        |flag, wanted, path: &Path| TlsError::NotPem { flag, wanted, path: path.to_owned() };
    let no_certificate = || not_pem("--tls-cert", "a certificate", certificate);
    let pem = read("--tls-cert", certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|_| no_certificate())?;
    if chain.is_empty() {
        return Err(no_certificate());
    }
    let pem = read("--tls-key", key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| not_pem("--tls-key", "a private key", key))?;
    Ok(Identity { chain, key })
}

/// Makes a CA, and a certificate of it for `names` and loopback. Returns the CA in PEM, too.
pub(super) fn make(
    names: impl IntoIterator<Item = String>,
) -> Result<(Identity, String), TlsError> {
    let names: BTreeSet<String> = names
        .into_iter()
        .filter_map(|name| subject(&name))
        .chain(LOOPBACK.map(str::to_owned))
        .collect();
    let all = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    make_for(names).map_err(|error| TlsError::Make(all, error.to_string()))
}

/// A name as a certificate has it; `None` for an address that means every interface.
fn subject(name: &str) -> Option<String> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => None,
        Ok(ip) => Some(ip.to_canonical().to_string()),
        Err(_) => Some(bare.to_owned()),
    }
}

fn make_for(names: BTreeSet<String>) -> Result<(Identity, String), rcgen::Error> {
    let now = SystemTime::now();
    let params = |names: BTreeSet<String>, common_name: &str| {
        let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_before = (now - SKEW).into();
        params.not_after = (now + VALID).into();
        Ok::<_, rcgen::Error>(params)
    };
    let mut ca = params(BTreeSet::new(), "seedbed CA")?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let mut leaf = params(names, "seedbed")?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // OpenSSL's strict checks, which Python asks for, want it.
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&key, &ca)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Ok((Identity { chain: vec![leaf.der().clone()], key }, ca.pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_loses_its_brackets_and_every_interface_is_none() {
        assert_eq!(subject("[::1]").as_deref(), Some("::1"));
        assert_eq!(subject("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(subject("bed.test").as_deref(), Some("bed.test"));
        assert_eq!(subject("0.0.0.0"), None);
        assert_eq!(subject("::"), None);
    }
}

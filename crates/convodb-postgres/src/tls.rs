//! Encrypted connections.

use std::sync::Arc;

use convodb_core::{Error, ErrorKind, InvalidInput, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The certificates of a file in PEM.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let invalid = |reason| Error::from(InvalidInput::new("root_certificate", reason));
    let read = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
    let read = read.map_err(|_| invalid("must be certificates in PEM"))?;
    match read.is_empty() {
        true => Err(invalid("must have a certificate in PEM")),
        false => Ok(read),
    }
}

/// Connections whose server proves its name by a certificate under one of these roots, or else under those of the
/// system.
pub(crate) fn connector(roots: &[CertificateDer<'static>]) -> Result<MakeRustlsConnect> {
    let mut store = RootCertStore::empty();
    let of_system = match roots.is_empty() {
        true => rustls_native_certs::load_native_certs().certs,
        false => Vec::new(),
    };
    store.add_parsable_certificates(of_system.into_iter().chain(roots.iter().cloned()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| {
        Error::new(ErrorKind::Unavailable, "TLS cannot be set up").with_source(error)
    })?;
    let config = config.with_root_certificates(store).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

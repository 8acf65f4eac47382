//! Whether a server's certificate is trusted, found out without ending the connection: an untrusted server is looked
//! at all the same, and told no secret.

use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("no certificate is in it, or it is no PEM file")]
    Empty,
    #[error("a certificate in it cannot be used: {0}")]
    Unusable(String),
}

/// The roots of Mozilla, and those of a PEM file besides.
///
/// # Errors
/// When the file has no certificate, or one that is none.
pub fn roots(own: Option<&[u8]>) -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = own {
        let before = store.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| RootsError::Unusable(error.to_string()))?;
            store.add(certificate).map_err(|error| RootsError::Unusable(error.to_string()))?;
        }
        if store.len() == before {
            return Err(RootsError::Empty);
        }
    }
    Ok(store)
}

/// Remembers why a certificate is not trusted, and goes on.
#[derive(Debug)]
pub(crate) struct Recorder {
    strict: Arc<WebPkiServerVerifier>,
    untrusted: Mutex<Option<String>>,
}

impl Recorder {
    pub(crate) fn new(strict: Arc<WebPkiServerVerifier>) -> Self {
        Self { strict, untrusted: Mutex::new(None) }
    }

    /// Why the certificate of the last handshake is not trusted.
    pub(crate) fn untrusted(&self) -> Option<String> {
        self.untrusted.lock().ok()?.clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if let (Err(error), Ok(mut untrusted)) = (verified, self.untrusted.lock()) {
            *untrusted = Some(error.to_string());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}

//! Whole handshakes, for what is encrypted: the certificate of TLS 1.3, its protocols, and whether sessions resume.
//!
//! Any certificate is accepted and recorded; what it is worth, [`Verifier`](crate::Verifier) says afterwards. Nothing is
//! sent over these connections but their end.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme,
    SupportedProtocolVersion,
};

use crate::answer::{MAX_CERTIFICATES, alert_name};
use crate::connection::{Bounded, is_closed};

/// Which keys the client says it can verify: this decides what a server with two certificates shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keys {
    Any,
    Rsa,
    Ecdsa,
}

/// What a handshake showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    /// DER, as sent. Empty where the session was resumed.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) has_staple: bool,
    pub(crate) protocol: Option<String>,
    pub(crate) is_resumed: bool,
    /// The server would have read a request in the first message. None was in it.
    pub(crate) takes_early_data: bool,
}

/// A client that keeps its sessions from one handshake to the next.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    recorder: Arc<Recorder>,
    name: ServerName<'static>,
}

impl Client {
    /// For TLS 1.3, or else TLS 1.2; without `name` it names no server.
    pub(crate) fn new(is_tls13: bool, name: Option<&str>, keys: Keys, protocols: &[&str]) -> Option<Self> {
        let versions: &[&SupportedProtocolVersion] = if is_tls13 { &[&TLS13] } else { &[&TLS12] };
        let recorder = Arc::new(Recorder { keys, seen: Mutex::default() });
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        config.enable_sni = name.is_some();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config.resumption =
            Resumption::in_memory_sessions(4).tls12_resumption(Tls12Resumption::SessionIdOnly);
        config.enable_early_data = is_tls13;
        let name = ServerName::try_from(name.unwrap_or("nobody.invalid").to_owned()).ok()?;
        Some(Self { config: Arc::new(config), recorder, name })
    }

    /// Shakes hands and says goodbye; with `waits` it waits until a ticket of TLS 1.3 arrives, or
    /// the other side says goodbye as well.
    pub(crate) fn shake<S: Read + Write>(
        &self,
        stream: &mut Bounded<S>,
        waits: bool,
    ) -> Result<Shown, String> {
        self.recorder.take();
        let mut client = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|error| error.to_string())?;
        while client.is_handshaking() {
            match client.complete_io(stream) {
                Ok((0, 0)) => return Err("the server closed the connection".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(reason(&error)),
            }
        }
        client.send_close_notify();
        let _ = client.write_tls(stream);
        // Until a ticket, the end, an error, or the bound of the stream.
        while waits && client.tls13_tickets_received() == 0 && matches!(client.read_tls(stream), Ok(1..)) {
            if client.process_new_packets().is_err() {
                break;
            }
        }
        let (certificates, has_staple) = self.recorder.take();
        let protocol = client.alpn_protocol().map(|name| name.escape_ascii().to_string());
        let is_resumed = client.handshake_kind() == Some(HandshakeKind::Resumed);
        let takes_early_data = client.is_early_data_accepted();
        Ok(Shown { certificates, has_staple, protocol, is_resumed, takes_early_data })
    }
}

fn reason(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::AlertReceived(alert)) => {
            let number = u8::from(*alert);
            format!("alert {number}, {}", alert_name(number))
        }
        Some(other) => other.to_string(),
        None if is_closed(error.kind()) => "the server closed the connection".to_owned(),
        None if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
            "no answer in time".to_owned()
        }
        None => error.to_string(),
    }
}

/// Accepts every certificate and keeps it.
#[derive(Debug)]
struct Recorder {
    keys: Keys,
    seen: Mutex<(Vec<Vec<u8>>, bool)>,
}

impl Recorder {
    fn take(&self) -> (Vec<Vec<u8>>, bool) {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates).take(MAX_CERTIFICATES);
        let chain = chain.map(|der| der.as_ref().to_vec()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (chain, !ocsp_response.is_empty());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        let ecdsa = [
            S::ECDSA_NISTP256_SHA256,
            S::ECDSA_NISTP384_SHA384,
            S::ECDSA_NISTP521_SHA512,
            S::ED25519,
            S::ED448,
            S::ECDSA_SHA1_Legacy,
        ];
        let rsa = [
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::RSA_PKCS1_SHA1,
        ];
        match self.keys {
            Keys::Any => ecdsa.into_iter().chain(rsa).collect(),
            Keys::Rsa => rsa.to_vec(),
            Keys::Ecdsa => ecdsa.to_vec(),
        }
    }
}

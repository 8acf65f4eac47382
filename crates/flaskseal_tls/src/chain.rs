//! A chain of certificates as a server sends it, and whether browsers trust it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use flaskseal_certificate::{Certificate, blocks};
use flaskseal_core::Date;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

/// What a server shows of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chain {
    /// As sent, the server's own first. One that cannot be read ends the list.
    pub certificates: Vec<Certificate>,
    pub trust: Trust,
    /// It is trusted on the day that was asked about. A certificate in it that has run out then stands in no way.
    pub verifies_today: bool,
    /// The server's own is for the host.
    pub covers_host: bool,
    /// Each is followed by its issuer, and nothing else is between.
    pub is_in_order: bool,
    /// As sent, in DER.
    der: Vec<Vec<u8>>,
}

/// Whether the chain leads to a root that browsers trust. The days on which certificates are valid are left out of this:
/// whoever renews them gets the same answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trust {
    Trusted,
    /// Signed by itself, and not among the roots.
    SelfSigned,
    /// It ends at an issuer that no root vouches for.
    UnknownRoot {
        issuer: String,
    },
    /// The certificate of this issuer was not sent, and it is no root: the certificate says where it could be fetched, as
    /// those of public authorities do. Some browsers fetch it, other clients fail.
    Incomplete {
        issuer: String,
    },
    /// What browsers refuse about it, whoever issued it.
    Refused(String),
}

impl Chain {
    /// The server's own certificate, where it could be read.
    pub fn own(&self) -> Option<&Certificate> {
        self.certificates.first()
    }

    /// A chain of which only this is known.
    pub(crate) fn from_parts(
        trust: Trust,
        verifies_today: bool,
        covers_host: bool,
        is_in_order: bool,
    ) -> Self {
        Self { certificates: Vec::new(), trust, verifies_today, covers_host, is_in_order, der: Vec::new() }
    }

    /// Whether the same certificates were sent.
    pub fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

/// Judges chains against Mozilla's roots and others.
#[derive(Debug)]
pub struct Verifier {
    roots: RootCertStore,
    /// Roots of one's own, in DER.
    extra: Vec<Vec<u8>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Mozilla's roots, and these in DER. What is no certificate is left out.
    pub fn new(extra: &[Vec<u8>]) -> Self {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(extra.iter().map(|der| CertificateDer::from(der.as_slice())));
        Self { roots, extra: extra.to_vec(), provider: Arc::new(ring::default_provider()) }
    }

    /// Reads and judges what a server sent for `host`, a name or an address, on a day.
    pub fn chain(&self, der: &[Vec<u8>], host: &str, today: Date) -> Chain {
        let certificates: Vec<Certificate> = der.iter().map_while(|one| Certificate::from_der(one)).collect();
        let (trust, verifies_today) = self.trust(der, &certificates, today);
        Chain {
            trust,
            verifies_today,
            covers_host: certificates.first().is_some_and(|own| own.covers(host)),
            is_in_order: certificates.windows(2).all(|pair| matches!(pair, [a, b] if a.issuer == b.subject)),
            der: der.to_vec(),
            certificates,
        }
    }

    /// Whether the chain is trusted at all, and whether it is today.
    fn trust(&self, der: &[Vec<u8>], certificates: &[Certificate], today: Date) -> (Trust, bool) {
        let (Some(own), Some(first)) = (certificates.first(), der.first()) else {
            return (Trust::Refused("it cannot be read".to_owned()), false);
        };
        if self.extra.contains(first) {
            return (Trust::Trusted, (own.not_before..=own.not_after).contains(&today));
        }
        if own.is_precertificate {
            let reason = "it is a precertificate, made for the logs of Certificate Transparency";
            return (Trust::Refused(reason.to_owned()), false);
        }
        let mut error = None;
        for moment in moments(certificates, today) {
            match self.verify(first, der.get(1..).unwrap_or_default(), moment) {
                Ok(()) => return (Trust::Trusted, error.is_none()),
                // What is said of the day itself comes first.
                Err(said) => error = error.or(Some(said)),
            }
        }
        let trust = match error {
            _ if own.is_self_signed() => Trust::SelfSigned,
            Some(Error::InvalidCertificate(error)) => refused(&error, certificates),
            _ => Trust::Refused("it cannot be verified".to_owned()),
        };
        (trust, false)
    }

    fn verify(&self, own: &[u8], others: &[Vec<u8>], moment: i64) -> Result<(), Error> {
        let der = CertificateDer::from(own);
        let parsed = ParsedCertificate::try_from(&der)?;
        let others: Vec<CertificateDer<'_>> =
            others.iter().map(|one| CertificateDer::from(one.as_slice())).collect();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(moment.max(0).unsigned_abs()));
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, &others, now, algorithms)
    }
}

/// The certificates of a PEM file, in DER: what `--ca-file` names.
pub fn roots_from_pem(text: &str) -> Vec<Vec<u8>> {
    blocks(text, MAX_ROOTS).into_iter().filter_map(|block| block.der).collect()
}

/// A bundle of a system's roots has some 150.
const MAX_ROOTS: usize = 1_000;

/// A host as certificates write it: a name in lower case without the dot at its end, or an address in its usual form.
pub(crate) fn normalized(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

/// Seconds since 1970 at which a chain is tried: on the day itself, as far as it is valid then at all, and at either end of
/// the time in which all of it is, because what has run out may still come from a root that is trusted.
fn moments(certificates: &[Certificate], today: Date) -> [i64; 3] {
    let midnight = today.days_since(Date { year: 1970, month: 1, day: 1 }) * DAY;
    let same_day = |second: i64| (midnight..midnight + DAY).contains(&second);
    let mut moment = midnight + DAY / 2;
    for (from, until) in certificates.iter().map(|one| one.seconds) {
        if same_day(from) {
            moment = moment.max(from);
        } else if same_day(until) {
            moment = moment.min(until);
        }
    }
    let begin = certificates.iter().map(|one| one.seconds.0).max().unwrap_or(moment);
    let end = certificates.iter().map(|one| one.seconds.1).min().unwrap_or(moment);
    [moment, end, begin]
}

const DAY: i64 = 86_400;

fn refused(error: &CertificateError, certificates: &[Certificate]) -> Trust {
    let reason = match error {
        CertificateError::UnknownIssuer => return unknown_issuer(certificates),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "its certificates are never valid at the same time".to_owned()
        }
        CertificateError::BadEncoding => "browsers cannot read it".to_owned(),
        CertificateError::BadSignature => "a signature is wrong".to_owned(),
        #[allow(deprecated, reason = "libraries may still say it")]
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            match certificates.iter().find_map(|one| one.weak_signature) {
                Some(hash) => format!("a signature rests on {hash}"),
                None => "browsers do not accept the kind of a signature, or the key that made it".to_owned(),
            }
        }
        CertificateError::UnhandledCriticalExtension => "it asks for what browsers do not know".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers".to_owned()
        }
        CertificateError::Other(_) => match certificates.first() {
            Some(own) if own.is_ca => "it is the certificate of an authority, not of a server".to_owned(),
            _ => "its issuer may not issue it".to_owned(),
        },
        _ => "browsers refuse it".to_owned(),
    };
    Trust::Refused(reason)
}

/// Follows the issuers as far as they were sent.
fn unknown_issuer(certificates: &[Certificate]) -> Trust {
    let Some(mut last) = certificates.first() else { return Trust::Refused("it cannot be read".to_owned()) };
    for _ in 0..certificates.len() {
        match certificates.iter().find(|one| one.subject == last.issuer && !last.is_self_signed()) {
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    let issuer = last.issuer.clone();
    if last.names_issuer_address && !last.is_self_signed() {
        Trust::Incomplete { issuer }
    } else {
        Trust::UnknownRoot { issuer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_written_as_in_certificates() {
        assert_eq!(normalized("Shop.Example."), "shop.example");
        assert_eq!(normalized("[::1]"), "::1");
        assert_eq!(normalized("0:0::1"), "::1");
        assert_eq!(normalized("127.0.0.1"), "127.0.0.1");
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let today = Date { year: 2026, month: 11, day: 25 };
        let verifier = Verifier::new(&[vec![1, 2, 3]]);
        for der in [vec![], vec![vec![]], vec![vec![0x30, 0x82, 0xff, 0xff]], vec![vec![7; 5000]; 20]] {
            let chain = verifier.chain(&der, "a.example", today);
            assert_eq!(chain.trust, Trust::Refused("it cannot be read".to_owned()));
            assert!(chain.own().is_none() && !chain.covers_host);
        }
    }
}

//! Certificates in PEM files, each with its place.

use flaskseal_core::TextRange;

use crate::syntax::{Parsed, Problem};

pub use flaskseal_certificate::{Certificate, Key};

/// A certificate in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    pub certificate: Certificate,
    /// From `-----BEGIN` to the end of `-----END`.
    pub range: TextRange,
}

/// A bundle of a system's roots has some hundred.
const MAX_CERTIFICATES: usize = 20;

/// Reads the certificates of a PEM file, in order.
pub fn parse(text: &str) -> Parsed<Vec<Located>> {
    let mut parsed: Parsed<Vec<Located>> = Parsed::default();
    for block in flaskseal_certificate::blocks(text, MAX_CERTIFICATES) {
        match block.der.as_deref().and_then(Certificate::from_der) {
            Some(certificate) => parsed.tree.push(Located { certificate, range: block.range }),
            None if !block.ends => {
                parsed.problems.push(Problem::new(block.range, "the certificate does not end"));
            }
            None => parsed.problems.push(Problem::new(block.range, "the certificate cannot be read")),
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl req -x509` for this test: P-256, 90 days.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBtDCCAVqgAwIBAgIUauAbnQObPSPUCIUYMx6tAQOSLBwwCgYIKoZIzj0EAwIw\nFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMB4XDTI2MTEyNDIzMjc1NFoXDTI3MDIy\nMjIzMjc1NFowFzEVMBMGA1UEAwwMc2hvcC5leGFtcGxlMFkwEwYHKoZIzj0CAQYI\nKoZIzj0DAQcDQgAEeQQkrBQvPY5EzpfIvaeMfgjP4CBDnExQpsE8NGH3aUjWTLUj\nfzb+SS5exl6pgOzxwt2pXs+BWXspUBiUKLzlPaOBgzCBgDAdBgNVHQ4EFgQUTMbM\nIGeRvjeca2Coacfetj5Ad3UwHwYDVR0jBBgwFoAUTMbMIGeRvjeca2Coacfetj5A\nd3UwDwYDVR0TAQH/BAUwAwEB/zAtBgNVHREEJjAkggxzaG9wLmV4YW1wbGWCDiou\nc2hvcC5leGFtcGxlhwTAAAIBMAoGCCqGSM49BAMCA0gAMEUCIEJUZv5X47sVEMbx\nPAgSU0wN+3xGX93++256YRPZQqdUAiEApCuarytJxopBhrLZAXvrQylPy+7if5fP\n0RWEin/DzOo=\n-----END CERTIFICATE-----";

    #[test]
    fn a_certificate_has_its_place() {
        let text = format!("# a comment\n{PEM}\n");
        let parsed = parse(&text);
        assert_eq!(parsed.problems, []);
        let [found] = parsed.tree.as_slice() else { panic!("one certificate") };
        assert_eq!(found.certificate.subject, "CN=shop.example");
        assert_eq!(text.get(found.range.start as usize..found.range.end as usize), Some(PEM));
    }

    #[test]
    fn what_is_broken_is_said() {
        let broken = |text: &str| parse(text).problems.len();
        assert_eq!(broken("-----BEGIN CERTIFICATE-----\nabc"), 1);
        assert_eq!(broken("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"), 1);
        assert_eq!(broken(&PEM.replacen('M', "N", 3)), 1);
        for length in (0..PEM.len()).step_by(7) {
            parse(PEM.get(..length).unwrap());
        }
        assert_eq!(
            broken(&"-----BEGIN CERTIFICATE----------END CERTIFICATE-----".repeat(1_000)),
            MAX_CERTIFICATES
        );
    }
}

//! What to ask, and within which bounds.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use flaskseal_core::Date;
use flaskseal_live::Terms;
use url::Url;

#[derive(Clone, Debug)]
pub struct Options {
    /// `http` or `https`, with a host.
    pub url: Url,
    /// Sent with every request to the site over a trusted connection: name and value.
    pub headers: Vec<(String, String)>,
    /// Where names lead, instead of what the resolver says.
    pub mappings: Vec<Mapping>,
    /// `http://HOST:PORT`, with a user and a password where it asks for them.
    pub proxy: Option<Url>,
    /// What certificates are verified against.
    pub roots: Arc<rustls::RootCertStore>,
    /// Those of them that are one's own, in DER.
    pub own_roots: Vec<Vec<u8>>,
    /// The day on which certificates have to be valid.
    pub today: Date,
    /// By what the site is to be judged.
    pub terms: Terms,
    /// Send `headers` even to a server whose certificate is not trusted.
    pub trust_anybody: bool,
    /// For one request, from resolving the name to the last byte.
    pub timeout: Duration,
    /// For all requests together.
    pub total: Duration,
    /// The shortest time from one request to the next.
    pub pause: Duration,
    pub max_requests: usize,
    /// Addresses that the application is known to have.
    pub routes: Vec<Route>,
}

/// An address without parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    pub path: String,
    /// Whether GET is among its methods.
    pub answers_get: bool,
}

/// `HOST:PORT:ADDRESS[:PORT]`: who asks for the first pair is sent to the second.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    pub host: String,
    pub port: u16,
    pub to: SocketAddr,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not HOST:PORT:ADDRESS or HOST:PORT:ADDRESS:PORT, as in shop.example:443:127.0.0.1:8443")]
pub struct MappingError(String);

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let read = || {
            let (host, rest) = text.split_once(':')?;
            let (port, address) = rest.split_once(':')?;
            let port: u16 = port.parse().ok()?;
            let to = address.parse::<SocketAddr>().ok().or_else(|| {
                let bare = address.trim_start_matches('[').trim_end_matches(']');
                Some(SocketAddr::new(bare.parse().ok()?, port))
            })?;
            (!host.is_empty()).then(|| Self { host: host.to_ascii_lowercase(), port, to })
        };
        read().ok_or_else(|| MappingError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read_with_and_without_a_second_port() {
        let to = |text: &str| text.parse::<Mapping>().map(|mapping| mapping.to.to_string());
        assert_eq!(to("shop.example:443:127.0.0.1"), Ok("127.0.0.1:443".to_owned()));
        assert_eq!(to("shop.example:443:127.0.0.1:8443"), Ok("127.0.0.1:8443".to_owned()));
        assert_eq!(to("shop.example:443:[::1]:8443"), Ok("[::1]:8443".to_owned()));
        assert_eq!(to("shop.example:443:::1"), Ok("[::1]:443".to_owned()));
        for wrong in ["", "a:b", "a:1:b", ":1:127.0.0.1", "a:99999:127.0.0.1"] {
            assert!(wrong.parse::<Mapping>().is_err(), "{wrong}");
        }
    }
}

//! Everything that a site showed, and where rules find it.

use flaskseal_core::{Evidence, FileId, Layer, SourceFile, Span, TextRange};
use url::Url;

use crate::{Exchange, Header, Purpose};

/// What was seen of one site.
#[derive(Clone, Debug)]
pub struct Site {
    /// The address that the user named.
    pub url: Url,
    /// In the order in which they took place.
    pub exchanges: Vec<Exchange>,
    pub plain: Plain,
    pub tls: Tls,
    /// What was not asked or not answered, and why. A site that was not seen whole proves less.
    pub missed: Vec<String>,
}

/// What came of asking for the site over plain HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Plain {
    /// It was not asked; why.
    NotAsked(String),
    /// Nobody listens.
    Refused,
    /// There is an exchange with the purpose [`Purpose::Plain`].
    Answered,
    /// It could not be found out; why.
    Unknown(String),
}

/// What came of a TLS handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tls {
    /// It was not asked; why.
    NotAsked(String),
    /// There was none; what happened instead.
    Failed(String),
    /// There was one.
    Spoken {
        /// `TLS 1.3`.
        version: String,
        suite: String,
        /// Why the certificate is not trusted for the name.
        untrusted: Option<String>,
    },
}

impl Site {
    /// A site from transcripts, for tests: each a name and a text (see [`Exchange::parse`]).
    ///
    /// # Errors
    /// When one of them is no transcript, or when there is none.
    pub fn from_transcripts(texts: &[(String, String)]) -> Result<Self, String> {
        let mut exchanges: Vec<Exchange> = texts
            .iter()
            .map(|(name, text)| Exchange::parse(name, text).map_err(|error| format!("{name}: {error}")))
            .collect::<Result<_, _>>()?;
        // As a survey asks.
        exchanges.sort_by_key(|exchange| exchange.purpose);
        let start = exchanges.iter().find(|exchange| exchange.purpose == Purpose::Start);
        let start = start.or(exchanges.first()).ok_or("no transcript")?;
        let is_plain = exchanges.iter().any(|exchange| exchange.purpose == Purpose::Plain);
        let tls = if start.is_https() {
            Tls::Spoken {
                version: "TLS 1.3".to_owned(),
                suite: "TLS13_AES_128_GCM_SHA256".to_owned(),
                untrusted: None,
            }
        } else {
            Tls::Failed("connection refused".to_owned())
        };
        let plain = if is_plain { Plain::Answered } else { Plain::NotAsked("not asked".to_owned()) };
        Ok(Self { url: start.url.clone(), plain, tls, missed: Vec::new(), exchanges })
    }

    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or("")
    }
}

/// A site whose texts have their places in a tree.
#[derive(Clone, Copy, Debug)]
pub struct Live<'s> {
    pub site: &'s Site,
    first: FileId,
}

impl<'s> Live<'s> {
    /// `first` is the id of the text of the site's first exchange.
    pub fn new(site: &'s Site, first: FileId) -> Self {
        Self { site, first }
    }

    /// The texts of the exchanges, to be observed in their order.
    pub fn texts(site: &Site) -> Vec<SourceFile> {
        site.exchanges.iter().map(|exchange| SourceFile::new(&*exchange.name, &*exchange.text)).collect()
    }

    pub fn of(&self, purpose: Purpose) -> impl Iterator<Item = &'s Exchange> + use<'s> {
        self.site.exchanges.iter().filter(move |exchange| exchange.purpose == purpose)
    }

    /// The page that the user named.
    pub fn start(&self) -> Option<&'s Exchange> {
        self.of(Purpose::Start).next()
    }

    /// Answers to what any visitor may ask, over the scheme that the user named.
    pub fn ordinary(&self) -> impl Iterator<Item = &'s Exchange> + use<'s> {
        self.site.exchanges.iter().filter(|exchange| exchange.purpose.is_ordinary())
    }

    /// Pages among them, in HTML, with content: what browsers show.
    pub fn pages(&self) -> impl Iterator<Item = &'s Exchange> + use<'s> {
        self.ordinary()
            .filter(|exchange| exchange.is_html() && !exchange.is_redirect() && exchange.status != 304)
    }

    /// Evidence at a header.
    pub fn at(&self, exchange: &Exchange, header: &Header, claim: impl Into<String>) -> Evidence {
        self.evidence(exchange, header.range, claim)
    }

    /// Evidence at the status line, for what an answer lacks.
    pub fn answer(&self, exchange: &Exchange, claim: impl Into<String>) -> Evidence {
        self.evidence(exchange, exchange.status_range, claim)
    }

    /// Evidence at a range of the exchange's text.
    pub fn evidence(&self, exchange: &Exchange, range: TextRange, claim: impl Into<String>) -> Evidence {
        let index = self.site.exchanges.iter().position(|known| std::ptr::eq(known, exchange));
        match index {
            Some(index) => {
                let file = FileId(self.first.0 + index as u32);
                Evidence::at(Layer::Live, Span { file, range }, claim)
            }
            None => Evidence::general(Layer::Live, claim),
        }
    }

    /// Evidence of the connection, which no text shows.
    pub fn connection(&self, claim: impl Into<String>) -> Evidence {
        Evidence::general(Layer::Live, format!("{}: {}", self.site.url, claim.into()))
    }
}

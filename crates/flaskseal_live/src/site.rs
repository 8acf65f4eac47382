//! Everything that a site showed, and where rules find it.

use flaskseal_core::{Evidence, FileId, Layer, SourceFile, Span, TextRange};
use flaskseal_tls::{Fact, Offer, ScanError, TlsFacts, Transcript};
use url::Url;

use crate::{Exchange, Header, Purpose, Terms, Watch};

/// What was seen of one site.
#[derive(Clone, Debug)]
pub struct Site {
    /// The address that the user named.
    pub url: Url,
    /// In the order in which they took place.
    pub exchanges: Vec<Exchange>,
    pub plain: Plain,
    pub tls: Tls,
    /// What its TLS offers, or why that could not be found out; none where it was not asked.
    pub offer: Option<Result<Transcript, ScanError>>,
    /// By what it is to be judged.
    pub terms: Terms,
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
    /// A site from transcripts, for tests: each a name and a text (see [`Exchange::parse`]). One that is named `tls` says
    /// what TLS offers (see [`Transcript`]).
    ///
    /// # Errors
    /// When one of them is no transcript, or when there is none.
    pub fn from_transcripts(texts: &[(String, String)]) -> Result<Self, String> {
        let is_offer = |name: &str| name.ends_with("/tls");
        let offer = texts.iter().find(|(name, _)| is_offer(name));
        let offer = offer
            .map(|(name, text)| Transcript::parse(text).map_err(|error| format!("{name}: {error}")))
            .transpose()?;
        let mut exchanges: Vec<Exchange> = texts
            .iter()
            .filter(|(name, _)| !is_offer(name))
            .map(|(name, text)| Exchange::parse(name, text).map_err(|error| format!("{name}: {error}")))
            .collect::<Result<_, _>>()?;
        // As a survey asks.
        exchanges.sort_by_key(|exchange| exchange.purpose);
        let start = exchanges.iter().find(|exchange| exchange.purpose == Purpose::Start);
        let start = start.or(exchanges.first());
        let url = match (start, &offer) {
            (Some(start), _) => start.url.clone(),
            (None, Some(offer)) => {
                let host = offer.as_ref().map_or("shop.example", |offer| offer.facts.host.as_str());
                Url::parse(&format!("https://{host}/")).map_err(|error| error.to_string())?
            }
            (None, None) => return Err("no transcript".to_owned()),
        };
        let is_plain = exchanges.iter().any(|exchange| exchange.purpose == Purpose::Plain);
        let spoken = |version: &str| Tls::Spoken {
            version: version.to_owned(),
            suite: "TLS13_AES_128_GCM_SHA256".to_owned(),
            untrusted: None,
        };
        let tls = match &offer {
            Some(Ok(offer)) => {
                let newest = offer.facts.versions.iter().rfind(|one| one.offer == Offer::Accepted);
                newest.map_or(Tls::Failed("nothing in common".to_owned()), |one| spoken(one.version.name()))
            }
            Some(Err(error)) => Tls::Failed(error.to_string()),
            None if url.scheme() == "https" => spoken("TLS 1.3"),
            None => Tls::Failed("connection refused".to_owned()),
        };
        let plain = if is_plain { Plain::Answered } else { Plain::NotAsked("not asked".to_owned()) };
        let terms = Terms::default();
        Ok(Self { url, plain, tls, offer, terms, missed: Vec::new(), exchanges })
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
    /// Who is told how far the search for a key is.
    pub watch: Option<Watch<'s>>,
}

impl<'s> Live<'s> {
    /// `first` is the id of the text of the site's first exchange.
    pub fn new(site: &'s Site, first: FileId) -> Self {
        Self { site, first, watch: None }
    }

    /// The texts of the exchanges, to be observed in their order, and behind them what TLS offers.
    pub fn texts(site: &Site) -> Vec<SourceFile> {
        let exchanges =
            site.exchanges.iter().map(|exchange| SourceFile::new(&*exchange.name, &*exchange.text));
        let offer = site.offer.iter().flatten().map(|offer| SourceFile::new("@observed/tls", &*offer.text));
        exchanges.chain(offer).collect()
    }

    /// What TLS offers, where it was found out.
    pub fn offer(&self) -> Option<&'s TlsFacts> {
        self.site.offer.as_ref()?.as_ref().ok().map(|offer| &offer.facts)
    }

    /// Evidence at what TLS offers.
    pub fn tls(&self, fact: Fact, claim: impl Into<String>) -> Evidence {
        match &self.site.offer {
            Some(Ok(offer)) => {
                let file = FileId(self.first.0 + self.site.exchanges.len() as u32);
                Evidence::at(Layer::Live, Span { file, range: offer.place(fact) }, claim)
            }
            _ => self.connection(claim),
        }
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

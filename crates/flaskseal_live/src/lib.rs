//! What a running site showed, and what it means: answers with their headers as received, policies, cookies. Pure:
//! whoever asked the site is not known here, and nothing here judges a verdict.

mod exchange;
pub use exchange::{Exchange, Header, MalformedTranscript, Purpose, Received};

mod site;
pub use site::{Live, Plain, Site, Tls};

pub mod csp;

pub mod hsts;

pub mod meta;

mod cookie;
mod cookie_date;
pub use cookie::{Cookie, Refusal, SameSite, is_public_suffix};

mod session;
pub use session::SignedSession;

mod remember;
pub use remember::RememberToken;

mod terms;
pub use terms::{Terms, Watch};

pub mod keys;

pub mod page;

pub mod listed;

pub mod debugger;

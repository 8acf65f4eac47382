//! Reads Markdown test pages: each rule's documentation is also its test, and topics of the engine have pages of
//! the same form. A page's small projects, what is expected of them, and the comparison with what was observed
//! live here; running the analysis does not.

mod page;
pub use page::{Case, Page, PageError, Run, Section, Title, prose};

mod expectation;
pub use expectation::{Expectation, Kind, Subject};

mod comment;

mod compare;
pub use compare::{Observed, compare};

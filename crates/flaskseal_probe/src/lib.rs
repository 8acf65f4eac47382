//! Asks a running site what a visitor and a stranger would ask, and records what it answers.
//!
//! The one door to the network besides `flaskseal db update`. Only the host that was named is asked, only with GET,
//! HEAD and OPTIONS, no redirect to another host is followed, nothing is sent that changes something, and number,
//! rate, size and time of what is asked are bounded, whatever the server does. What answers mean is judged elsewhere.

mod options;
pub use options::{Mapping, MappingError, Options, Route};

mod survey;
pub use survey::{Outcome, Stop, survey};

mod answer;
pub use answer::answer;

mod http;

mod connection;
pub use connection::Failure;

mod verifier;
pub use verifier::{RootsError, roots};

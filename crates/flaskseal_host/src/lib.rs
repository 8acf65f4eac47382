//! A host, as it looks from the inside: which of its files speak of the application, who owns them, who listens, as whom
//! processes run. Bytes in, facts out; what is looked at is a [`Machine`], so that a test, an image and a live host
//! are the same to this crate. Nothing here judges, starts anything or opens a connection.

mod accounts;
pub use accounts::{Accounts, Group, User};

mod socket;
pub use socket::{Socket, global_ipv6, listening};

mod process;
pub use process::{Running, processes};

mod model;
pub use model::{Host, Kept, Maintenance, Purpose, Renewal, Unseen};

mod certbot;
pub use certbot::Lineage;

mod files;

mod observe;
pub use observe::observe;

/// What the paths of a host's texts begin with where they are read as a tree: `@host/etc/nginx/nginx.conf`.
pub use flaskseal_deploy::HOST_PREFIX;

pub use flaskseal_core::{Blind, Kind, Machine, Status};

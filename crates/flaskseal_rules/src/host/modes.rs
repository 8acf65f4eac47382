//! Owners and modes of files on a host, in words.

use flaskseal_core::Evidence;
use flaskseal_project::host::{Host, Kept};

use super::listening::seen;

/// `/srv/shop/.env has mode 0644 and belongs to shop:shop`.
pub(super) fn evidence(host: &Host, kept: &Kept) -> Evidence {
    seen(format!("{} has {}", kept.path, words(host, kept)))
}

pub(super) fn words(host: &Host, kept: &Kept) -> String {
    let status = &kept.status;
    format!(
        "mode {:04o} and belongs to {}:{}",
        status.mode,
        host.accounts.user_name(status.owner),
        host.accounts.group_name(status.group)
    )
}

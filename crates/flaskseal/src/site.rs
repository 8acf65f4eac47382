//! From the words of the command line to a look at a running site.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use flaskseal_core::Date;
use flaskseal_live::{Site, Terms};
use flaskseal_probe::{Options, Stop};
use url::Url;

use crate::arguments::SiteArguments;

/// The shortest time from one request to the next, and the time for all together.
const PAUSE: Duration = Duration::from_millis(20);
const TOTAL: Duration = Duration::from_mins(3);

/// Mebibytes of a file of keys.
const MAX_KEYS: u64 = 1 << 10;

/// `hours` is the longest session lifetime that the policy allows, where there is one.
pub(crate) fn options(
    url: &Url,
    arguments: &SiteArguments,
    today: Date,
    hours: Option<u32>,
) -> anyhow::Result<Options> {
    let own = arguments.ca_file.as_deref().map(flaskseal_system::read_to_string).transpose()?;
    let roots = flaskseal_probe::roots(own.as_deref().map(str::as_bytes));
    let roots = roots.with_context(|| {
        format!(
            "{} cannot be used",
            arguments.ca_file.as_deref().unwrap_or(std::path::Path::new("--ca-file")).display()
        )
    })?;
    let keys =
        arguments.keys.as_deref().map(|file| flaskseal_system::read_bytes(file, MAX_KEYS)).transpose()?;
    let keys = keys.unwrap_or_default();
    let cookies = arguments.cookie.iter().filter_map(|pair| pair.split_once('='));
    let cookies = cookies.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
    let mut headers = arguments.header.clone();
    if !arguments.cookie.is_empty() {
        headers.push(("Cookie".to_owned(), arguments.cookie.join("; ")));
    }
    Ok(Options {
        url: url.clone(),
        headers,
        mappings: arguments.resolve.clone(),
        proxy: arguments.proxy.clone(),
        roots: Arc::new(roots),
        own_roots: own.as_deref().map(flaskseal_tls::roots_from_pem).unwrap_or_default(),
        today,
        terms: Terms {
            profile: arguments.tls_profile,
            cookies,
            session_lifetime_hours: hours,
            keys: keys.into(),
        },
        trust_anybody: arguments.insecure_ca,
        timeout: Duration::from_secs(arguments.timeout.into()),
        total: TOTAL,
        pause: PAUSE,
        max_requests: arguments.max_requests.into(),
        routes: Vec::new(),
    })
}

/// Asks the site. Ctrl-C ends it with what is known; a second one ends the program.
pub(crate) fn look(options: &Options, say: &dyn Fn(String)) -> anyhow::Result<Site> {
    let stop = Stop::default();
    let (asked, handler) = (Arc::new(AtomicBool::new(false)), stop.clone());
    // Without a handler Ctrl-C ends the program at once, which is no harm.
    let _ = ctrlc::set_handler(move || {
        handler.stop();
        if asked.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "the user insists")]
            std::process::exit(130);
        }
    });
    let outcome = flaskseal_probe::survey(options, &stop, say);
    let outcome = outcome.map_err(|reason| anyhow!("{} cannot be probed: {reason}", options.url))?;
    Ok(outcome.site)
}

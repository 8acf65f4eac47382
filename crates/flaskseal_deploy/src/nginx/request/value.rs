//! The values of variables for one request.

use super::{MAX_CYCLES, Run, Unknown, matches};
use crate::nginx::client::{Part, parts};
use crate::nginx::configuration::LevelKind;
use crate::nginx::syntax::Directive;

impl Run<'_> {
    pub(super) fn value(&mut self, text: &str) -> Result<String, Unknown> {
        let mut value = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => value.push_str(&text),
                Part::Variable(name) => value.push_str(&self.variable(&name)?),
            }
            if value.len() > 16_384 {
                return Err("a value that is too long");
            }
        }
        Ok(value)
    }

    pub(super) fn variable(&mut self, name: &str) -> Result<String, Unknown> {
        let request = self.request;
        let host =
            || request.host.rsplit_once(':').map_or(request.host, |(host, _)| host).to_ascii_lowercase();
        if let Some(value) = self.variables.get(name) {
            return Ok(value.clone());
        }
        if let Some(index) = name.parse::<usize>().ok().filter(|_| name.len() == 1) {
            return Ok(self.captures.get(index).cloned().unwrap_or_default());
        }
        if let Some(value) = self.mapped(name)? {
            return Ok(value);
        }
        let header = |name: &str| {
            let name = name.replace('_', "-");
            let found = request.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        };
        Ok(match name {
            "uri" | "document_uri" => self.uri.clone(),
            "request_uri" => request.target.to_owned(),
            "args" | "query_string" => self.args.clone(),
            "is_args" => if self.args.is_empty() { "" } else { "?" }.to_owned(),
            "host" => host(),
            "http_host" => request.host.to_owned(),
            "scheme" => "http".to_owned(),
            "https" => String::new(),
            "request_method" => request.method.to_owned(),
            "server_port" => request.port.to_string(),
            "remote_addr" | "server_addr" => "127.0.0.1".to_owned(),
            "server_name" => {
                let name = self.configuration.own(self.server, "server_name").next();
                name.and_then(|names| names.argument(0)).unwrap_or("").to_owned()
            }
            "proxy_add_x_forwarded_for" => {
                let known = header("x_forwarded_for");
                if known.is_empty() { "127.0.0.1".to_owned() } else { format!("{known}, 127.0.0.1") }
            }
            "invalid_referer" => return Err("a test of the referrer"),
            _ => {
                if let Some(name) = name.strip_prefix("arg_") {
                    let pairs = self.args.split('&').filter_map(|pair| pair.split_once('='));
                    let found = pairs.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
                } else if let Some(name) = name.strip_prefix("http_") {
                    header(name)
                } else if let Some(name) = name.strip_prefix("cookie_") {
                    let cookies = header("cookie");
                    let found = cookies
                        .split(';')
                        .filter_map(|pair| pair.trim().split_once('='))
                        .find(|(known, _)| *known == name);
                    found.map(|(_, value)| value.to_owned()).unwrap_or_default()
                } else if self.configuration.makers.contains_key(name) {
                    // Set on another path: it is empty here.
                    String::new()
                } else {
                    return Err("a variable that is not known");
                }
            }
        })
    }

    /// The value of a `map` or of a `geo` for this machine.
    fn mapped(&mut self, name: &str) -> Result<Option<String>, Unknown> {
        let configuration = self.configuration;
        let dollar = format!("${name}");
        let map = configuration
            .all(LevelKind::Map)
            .find(|id| configuration.level(*id).argument(1) == Some(&dollar));
        if configuration.all(LevelKind::Geo).chain(configuration.all(LevelKind::SplitClients)).any(|id| {
            configuration
                .level(id)
                .head
                .as_ref()
                .and_then(|head| head.arguments.last())
                .is_some_and(|word| word.text == dollar)
        }) {
            return Err("a value by address");
        }
        let Some(map) = map else { return Ok(None) };
        if self.cycles > MAX_CYCLES * 10 {
            return Err("a map without end");
        }
        let source = configuration.level(map).argument(0).unwrap_or("").to_owned();
        self.cycles += 1;
        let subject = self.value(&source);
        self.cycles -= 1;
        let subject = subject?;
        let entries: Vec<&Directive> = configuration.level(map).directives().collect();
        let value = |entry: &Directive| entry.argument(0).unwrap_or("").to_owned();
        if entries.iter().any(|entry| entry.is("hostnames") || entry.is("include")) {
            return Err("a map with hosts");
        }
        let exact = entries.iter().find(|entry| {
            !entry.name.text.starts_with('~')
                && !entry.is("default")
                && entry.name.text.eq_ignore_ascii_case(&subject)
        });
        let mut chosen = exact.map(|entry| value(entry));
        if chosen.is_none() {
            for entry in entries.iter().filter(|entry| entry.name.text.starts_with('~')) {
                let text = entry.name.text.trim_start_matches('~');
                let (text, ignore) = text.strip_prefix('*').map_or((text, false), |text| (text, true));
                if let Some(groups) = matches(text, ignore, &subject)? {
                    self.captured(groups);
                    chosen = Some(value(entry));
                    break;
                }
            }
        }
        let chosen =
            chosen.or_else(|| entries.iter().find(|entry| entry.is("default")).map(|entry| value(entry)));
        self.value(&chosen.unwrap_or_default()).map(Some)
    }
}

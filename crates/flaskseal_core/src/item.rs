//! The seven items of the checklist and the named controls that each is made of.

use std::fmt;

/// An entry of the checklist. The order is the order of every report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Item {
    Debug,
    Https,
    Session,
    Input,
    Headers,
    Deps,
    Host,
}

impl Item {
    pub const ALL: [Self; 7] =
        [Self::Debug, Self::Https, Self::Session, Self::Input, Self::Headers, Self::Deps, Self::Host];

    /// 1 to 7, as people number the checklist.
    pub const fn number(self) -> u8 {
        self as u8 + 1
    }

    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Debug),
            2 => Some(Self::Https),
            3 => Some(Self::Session),
            4 => Some(Self::Input),
            5 => Some(Self::Headers),
            6 => Some(Self::Deps),
            7 => Some(Self::Host),
            _ => None,
        }
    }

    /// The stable name for command lines and JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Https => "https",
            Self::Session => "session",
            Self::Input => "input",
            Self::Headers => "headers",
            Self::Deps => "deps",
            Self::Host => "host",
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Debug => "Debug mode and configuration",
            Self::Https => "HTTPS and certificates",
            Self::Session => "Sessions, cookies and secrets",
            Self::Input => "Input validation and CSRF",
            Self::Headers => "Security headers and escaping",
            Self::Deps => "Dependencies",
            Self::Host => "Host, firewall and least privilege",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.key() == key)
    }

    pub fn controls(self) -> impl Iterator<Item = &'static Control> {
        CONTROLS.iter().filter(move |control| control.id.item == self)
    }
}

/// A control of an item, printed as `C3.1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ControlId {
    pub item: Item,
    pub number: u8,
}

impl ControlId {
    pub const fn new(item: Item, number: u8) -> Self {
        Self { item, number }
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{}.{}", self.item.number(), self.number)
    }
}

/// One question that an item asks. A required control that nothing could answer makes its item *not verified*.
#[derive(Debug)]
pub struct Control {
    pub id: ControlId,
    pub title: &'static str,
    pub required: bool,
}

const fn control(item: Item, number: u8, required: bool, title: &'static str) -> Control {
    Control { id: ControlId::new(item, number), title, required }
}

/// Every control, in the order of the checklist.
pub static CONTROLS: &[Control] = &[
    control(Item::Debug, 1, true, "debug is off in the production process"),
    control(Item::Debug, 2, true, "a production server runs the application"),
    control(Item::Debug, 3, true, "production loads a production configuration"),
    control(Item::Debug, 4, true, "no diagnostics, test switches or internals are reachable"),
    control(Item::Debug, 5, false, "logs and banners are quiet"),
    control(Item::Https, 1, true, "TLS is terminated for public traffic"),
    control(Item::Https, 2, true, "HTTP is redirected to HTTPS"),
    control(Item::Https, 3, true, "the certificate is trusted, has the right name and is in date"),
    control(Item::Https, 4, false, "the certificate is renewed automatically"),
    control(Item::Https, 5, true, "TLS protocols and ciphers are sound"),
    control(Item::Https, 6, true, "the application knows its proxy and trusts only that"),
    control(Item::Https, 7, false, "outgoing connections verify their peer"),
    control(Item::Session, 1, true, "SECRET_KEY comes from outside the code"),
    control(Item::Session, 2, true, "the key is strong"),
    control(Item::Session, 3, true, "the session cookie is Secure"),
    control(Item::Session, 4, true, "the session cookie is HttpOnly"),
    control(Item::Session, 5, true, "the session cookie has SameSite"),
    control(Item::Session, 6, true, "session lifetime and scope are bounded"),
    control(Item::Session, 7, true, "no credentials are in the tree"),
    control(Item::Session, 8, true, "authentication is wired up and cannot be skipped"),
    control(Item::Session, 9, true, "passwords, tokens and cryptography are sound"),
    control(Item::Session, 10, false, "session contents, storage and caching are sound"),
    control(Item::Input, 1, true, "no injection"),
    control(Item::Input, 2, false, "input is validated"),
    control(Item::Input, 3, true, "state changes are protected against CSRF"),
    control(Item::Input, 4, true, "uploads are bounded and stored safely"),
    control(Item::Headers, 1, true, "a content security policy is sent"),
    control(Item::Headers, 2, true, "framing is restricted"),
    control(Item::Headers, 3, true, "content types are not sniffed"),
    control(Item::Headers, 4, true, "HSTS is sent"),
    control(Item::Headers, 5, false, "referrer, permissions, isolation and caching headers"),
    control(Item::Headers, 6, true, "output is escaped"),
    control(Item::Headers, 7, false, "CORS is restrictive"),
    control(Item::Deps, 1, true, "versions are fixed"),
    control(Item::Deps, 2, true, "no known vulnerability"),
    control(Item::Deps, 3, true, "advisory data is fresh"),
    control(Item::Deps, 4, true, "runtime and framework are supported"),
    control(Item::Deps, 5, false, "provenance and upkeep of packages"),
    control(Item::Host, 1, true, "a firewall denies incoming traffic by default"),
    control(Item::Host, 2, true, "only intended ports are open"),
    control(Item::Host, 3, true, "the application port is not public"),
    control(Item::Host, 4, true, "processes run unprivileged"),
    control(Item::Host, 5, true, "secrets and code have tight file modes"),
    control(Item::Host, 6, false, "isolation and proxy hygiene"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_sorted_and_unique() {
        assert!(CONTROLS.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn keys_and_numbers_name_the_same_items() {
        for item in Item::ALL {
            assert_eq!(Item::from_key(item.key()), Some(item));
            assert_eq!(Item::from_number(item.number()), Some(item));
        }
    }
}

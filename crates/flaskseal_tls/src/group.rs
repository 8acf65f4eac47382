//! Named groups: the curves and finite fields in which keys are exchanged (IANA, "TLS Supported Groups").

/// A named group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Group {
    pub id: u16,
    pub name: &'static str,
    /// About how many bits an attacker has to guess.
    pub strength: u16,
    /// Exchanged together with one that quantum computers cannot break.
    pub is_hybrid: bool,
}

const fn group(id: u16, name: &'static str, strength: u16) -> Group {
    Group { id, name, strength, is_hybrid: false }
}

const fn hybrid(id: u16, name: &'static str, strength: u16) -> Group {
    Group { id, name, strength, is_hybrid: true }
}

/// All that is asked for, what clients usually have first.
pub(crate) const GROUPS: [Group; 43] = [
    group(29, "x25519", 128),
    group(23, "secp256r1", 128),
    group(24, "secp384r1", 192),
    group(25, "secp521r1", 256),
    group(30, "x448", 224),
    hybrid(4588, "X25519MLKEM768", 192),
    hybrid(4587, "SecP256r1MLKEM768", 192),
    hybrid(4589, "SecP384r1MLKEM1024", 256),
    group(256, "ffdhe2048", 112),
    group(257, "ffdhe3072", 128),
    group(258, "ffdhe4096", 152),
    group(259, "ffdhe6144", 176),
    group(260, "ffdhe8192", 200),
    group(31, "brainpoolP256r1tls13", 128),
    group(32, "brainpoolP384r1tls13", 192),
    group(33, "brainpoolP512r1tls13", 256),
    group(26, "brainpoolP256r1", 128),
    group(27, "brainpoolP384r1", 192),
    group(28, "brainpoolP512r1", 256),
    group(41, "curveSM2", 128),
    group(22, "secp256k1", 128),
    group(21, "secp224r1", 112),
    group(20, "secp224k1", 112),
    group(19, "secp192r1", 96),
    group(18, "secp192k1", 96),
    group(17, "secp160r2", 80),
    group(16, "secp160r1", 80),
    group(15, "secp160k1", 80),
    group(14, "sect571r1", 256),
    group(13, "sect571k1", 256),
    group(12, "sect409r1", 192),
    group(11, "sect409k1", 192),
    group(10, "sect283r1", 128),
    group(9, "sect283k1", 128),
    group(8, "sect239k1", 112),
    group(7, "sect233r1", 112),
    group(6, "sect233k1", 112),
    group(5, "sect193r2", 96),
    group(4, "sect193r1", 96),
    group(3, "sect163r2", 80),
    group(2, "sect163r1", 80),
    group(1, "sect163k1", 80),
    hybrid(25497, "X25519Kyber768Draft00", 192),
];

impl Group {
    /// The group with this number, if it is one that is asked for.
    pub fn by_id(id: u16) -> Option<Self> {
        GROUPS.into_iter().find(|group| group.id == id)
    }

    pub fn by_name(name: &str) -> Option<Self> {
        GROUPS.into_iter().find(|group| group.name == name)
    }

    /// A finite field of RFC 7919.
    pub fn is_prime(self) -> bool {
        (256..=260).contains(&self.id)
    }

    /// Whether TLS 1.3 has it (RFC 8446, 4.2.7; RFC 8734).
    pub(crate) fn is_of_tls13(self) -> bool {
        self.is_hybrid || self.is_prime() || matches!(self.id, 23..=25 | 29..=33 | 41)
    }

    /// Whether older versions have it.
    pub(crate) fn is_classic(self) -> bool {
        !self.is_hybrid && !matches!(self.id, 31..=33 | 41)
    }
}

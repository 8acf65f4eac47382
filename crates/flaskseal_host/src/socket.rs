//! Sockets that listen: `/proc/net/tcp` and `/proc/net/tcp6` (proc_net(5)), whose numbers are hexadecimal.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A TCP socket that waits for connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Socket {
    pub address: IpAddr,
    pub port: u16,
    /// The number of the user who opened it.
    pub user: u32,
    pub inode: u64,
}

impl Socket {
    /// Only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => {
                address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
            }
        }
    }

    /// Strangers reach it, as far as the address tells: every address of the machine, or a public one.
    pub fn is_public(&self) -> bool {
        let v4 =
            |address: Ipv4Addr| !(address.is_loopback() || address.is_private() || address.is_link_local());
        match self.address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => v4(address),
                None => {
                    let first = address.segments()[0];
                    !(address.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80)
                }
            },
        }
    }

    /// `0.0.0.0:8000`, `[::]:8000`.
    pub fn shown(&self) -> String {
        match self.address {
            IpAddr::V4(address) => format!("{address}:{}", self.port),
            IpAddr::V6(address) => format!("[{address}]:{}", self.port),
        }
    }
}

/// More sockets than a server has.
const MAX_SOCKETS: usize = 20_000;

/// The sockets of a table that listen, in its order. What is no line of such a table is left out.
pub fn listening(table: &str) -> Vec<Socket> {
    let lines = table.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (_, local, _, state) = (words.next()?, words.next()?, words.next()?, words.next()?);
        // TCP_LISTEN of the kernel.
        if state != "0A" {
            return None;
        }
        let (address, port) = local.split_once(':')?;
        let mut rest = words.skip(3);
        let user = rest.next()?.parse().ok()?;
        let inode = rest.nth(1)?.parse().ok()?;
        Some(Socket { address: address_of(address)?, port: u16::from_str_radix(port, 16).ok()?, user, inode })
    });
    lines.take(MAX_SOCKETS).collect()
}

/// Groups of four bytes, each in the order of the machine: the last byte comes first on those that servers are.
fn address_of(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::with_capacity(16);
    for group in text.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()?;
        bytes.extend(word.to_le_bytes());
    }
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(four).into());
    }
    <[u8; 16]>::try_from(bytes.as_slice()).ok().map(|all| Ipv6Addr::from(all).into())
}

/// Whether the machine has an address of IPv6 that strangers reach (`/proc/net/if_inet6`: the fourth column is the scope,
/// and 00 the global one).
pub fn global_ipv6(table: &str) -> bool {
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_unique_local = |address: &str| address.starts_with("fc") || address.starts_with("fd");
        matches!(words.as_slice(), [address, _, _, "00", ..] if address.len() == 32 && !is_unique_local(address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 12345 1 0000000000000000 100 0 0 10 0\n   1: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   113        0 222 1 0000000000000000 100 0 0 10 0\n   2: 0100007F:9C40 0100007F:1F40 01 00000000:00000000 00:00000000 00000000   998        0 9 1\n";

    #[test]
    fn only_what_listens_is_a_listener() {
        let sockets = listening(TABLE);
        let shown: Vec<String> = sockets.iter().map(Socket::shown).collect();
        assert_eq!(shown, ["127.0.0.1:8000", "0.0.0.0:5432"]);
        assert_eq!((sockets[0].user, sockets[0].inode), (998, 12345));
        assert!(sockets[0].is_loopback() && !sockets[0].is_public() && sockets[1].is_public());
    }

    #[test]
    fn ipv6_and_what_is_none() {
        let line = "   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 1\n   1: 00000000000000000000000000000000:0016 0:0 0A 0:0 00:0 0 0 0 8 1\n 2: 0000000000000000FFFF00000100007F:0050 0:0 0A 0:0 00:0 0 0 0 9 1\n";
        let sockets = listening(line);
        let shown: Vec<String> = sockets.iter().map(Socket::shown).collect();
        assert_eq!(shown, ["[::1]:80", "[::]:22", "[::ffff:127.0.0.1]:80"]);
        assert_eq!(sockets.iter().map(Socket::is_loopback).collect::<Vec<_>>(), [true, false, true]);
        for broken in ["", "x", "0: zz:zz 0 0A a b c d e f", "0: é:1 0:0 0A 0 0 0 0 0 0", "0: 00:1 : 0A"] {
            assert_eq!(listening(broken), [], "{broken}");
        }
    }

    #[test]
    fn a_global_address_of_ipv6() {
        let table = |scope: &str, address: &str| format!("{address} 02 40 {scope} 80     eth0\n");
        assert!(global_ipv6(&table("00", "20010db8000000000000000000000001")));
        assert!(!global_ipv6(&table("20", "fe80000000000000020c29fffe000001")));
        assert!(!global_ipv6(&table("00", "fd000000000000000000000000000001")));
    }
}

//! SSL 2: its first message and the answer to it (draft-hickman-netscape-ssl-00). Nothing speaks it any more but
//! servers that nobody looks after.

use crate::answer::{Garbage, Progress};

/// What a server of SSL 2 said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Numbers of the suites that it has, of those that were offered.
    pub suites: Vec<u32>,
    /// The one certificate that it may send, in DER.
    pub certificate: Vec<u8>,
}

/// The first message, offering suites by their three bytes.
pub fn hello(suites: &[u32]) -> Vec<u8> {
    let mut body = vec![1, 0, 2];
    let put = |body: &mut Vec<u8>, value: usize| body.extend_from_slice(&(value as u16).to_be_bytes());
    put(&mut body, suites.len() * 3);
    put(&mut body, 0);
    put(&mut body, CHALLENGE.len());
    for suite in suites {
        body.extend(suite.to_be_bytes().into_iter().skip(1));
    }
    body.extend_from_slice(CHALLENGE);
    let mut bytes = (0x8000 | body.len() as u16).to_be_bytes().to_vec();
    bytes.append(&mut body);
    bytes
}

const CHALLENGE: &[u8; 16] = b"what is on offer";

/// Reads an answer from all bytes so far; None while there are too few.
pub fn read(bytes: &[u8]) -> Result<(Option<Answer>, Progress), Garbage> {
    let [high, low, ..] = bytes else { return Ok((None, Progress::More)) };
    // Newer servers answer with an alert of theirs.
    if *high & 0x80 == 0 {
        return Err(Garbage { reason: "no record of SSL 2" });
    }
    let length = usize::from(*high & 0x7f) << 8 | usize::from(*low);
    let Some(body) = bytes.get(2..2 + length) else { return Ok((None, Progress::More)) };
    let [4, _, _, 0, 2, fixed @ ..] = body else { return Err(Garbage { reason: "no greeting of SSL 2" }) };
    let [c1, c2, s1, s2, _, _, rest @ ..] = fixed else { return Err(Garbage { reason: "a short greeting" }) };
    let number = |high: &u8, low: &u8| usize::from(u16::from_be_bytes([*high, *low]));
    let (certificate, suites) = (number(c1, c2), number(s1, s2));
    let (Some(der), Some(list)) = (rest.get(..certificate), rest.get(certificate..certificate + suites))
    else {
        return Err(Garbage { reason: "a short greeting" });
    };
    let suites =
        list.chunks_exact(3).map(|three| three.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)));
    Ok((Some(Answer { suites: suites.collect(), certificate: der.to_vec() }), Progress::Finished))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_lists_suites() {
        let body = [4, 0, 1, 0, 2, 0, 2, 0, 6, 0, 1, 0xaa, 0xbb, 1, 0, 0x80, 7, 0, 0xc0, 9];
        let mut bytes = vec![0x80, body.len() as u8];
        bytes.extend_from_slice(&body);
        let (answer, _) = read(&bytes).unwrap();
        assert_eq!(
            answer,
            Some(Answer { suites: vec![0x0001_0080, 0x0007_00c0], certificate: vec![0xaa, 0xbb] })
        );
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), Ok((None, Progress::More)));
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] = 0xff;
            let _ = read(&changed);
        }
        assert!(read(&[21, 3, 1, 0, 2, 2, 70]).is_err());
    }

    #[test]
    fn the_greeting_is_the_draft_s() {
        let bytes = hello(&[0x0001_0080]);
        assert_eq!(bytes.len() - 2, usize::from(bytes[1]));
        assert_eq!(bytes.get(..14), Some([0x80, 28, 1, 0, 2, 0, 3, 0, 0, 0, 16, 1, 0, 0x80].as_slice()));
    }
}

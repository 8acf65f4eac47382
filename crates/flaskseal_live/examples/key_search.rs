//! Tries every line of a file as the key of a session cookie, on one core, and says how fast: `key_search COOKIE FILE`.
//! What `flask-unsign --unsign --wordlist FILE --no-literal-eval --threads 1` does, to be measured beside it.

#![allow(clippy::disallowed_methods, reason = "a program for measurements, no part of the command")]

use std::time::Instant;

use flaskseal_live::SignedSession;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [cookie, file] = words.as_slice() else { return Err("key_search COOKIE FILE".into()) };
    let session = SignedSession::parse(cookie).ok_or("that is no signed session")?;
    let list = std::fs::read(file)?;
    let begin = Instant::now();
    let mut tried = 0_u32;
    let found =
        list.split(|byte| *byte == b'\n').inspect(|_| tried += 1).any(|key| session.is_signed_with(key));
    let seconds = begin.elapsed().as_secs_f64();
    std::io::Write::write_all(
        &mut std::io::stdout(),
        format!(
            "{tried} keys in {seconds:.3} s: {:.0} a second, {}\n",
            f64::from(tried) / seconds,
            if found { "found" } else { "not found" }
        )
        .as_bytes(),
    )?;
    Ok(())
}

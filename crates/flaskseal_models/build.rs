//! Lists the data files, so that adding one is adding one file.

use std::fmt::Write as _;
use std::path::Path;

#[allow(clippy::disallowed_methods, reason = "a build script reads its own crate's folder")]
fn main() {
    println!("cargo:rerun-if-changed=data");
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("data");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the data folder exists")
        .map(|entry| entry.expect("the data folder is readable").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let mut code = String::from("&[\n");
    for name in names {
        let path = folder.join(&name);
        writeln!(code, "    ({name:?}, include_str!({:?})),", path.to_string_lossy())
            .expect("writing to a string");
    }
    code.push(']');
    let out = Path::new(&std::env::var("OUT_DIR").expect("cargo sets it")).join("data.rs");
    std::fs::write(out, code).expect("the build folder is writable");
}

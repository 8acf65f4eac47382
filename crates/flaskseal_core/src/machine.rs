//! A machine that is looked at, alive or as an image: the files below its root. An interface, so that who understands
//! a machine does no I/O.

/// The files of a machine. Paths are absolute on that machine; links are resolved inside its root, and none leads out.
pub trait Machine {
    /// The bytes of a regular file of at most `limit` bytes. Nothing else is ever opened.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Blind>;

    /// The names in a folder, sorted.
    fn list(&self, folder: &str) -> Result<Vec<String>, Blind>;

    /// What stands at a path, links followed.
    fn status(&self, path: &str) -> Result<Status, Blind>;

    /// What a link says, not followed: `socket:[12345]`.
    fn link(&self, path: &str) -> Result<String, Blind>;
}

/// Owner, mode and size of what stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    pub kind: Kind,
    /// The twelve bits of `chmod`.
    pub mode: u32,
    pub owner: u32,
    pub group: u32,
    /// Bytes.
    pub size: u64,
    /// When its content changed, in seconds since 1970.
    pub modified: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    File,
    Folder,
    /// A socket, a pipe, a device.
    Other,
}

/// Why something could not be seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Blind {
    /// Nothing stands there.
    Missing,
    Denied,
    /// No regular file, or no folder.
    Special,
    TooLarge,
    /// Links that lead round in a circle or nowhere, or a device that fails.
    Broken,
}

impl Blind {
    /// A clause about the path.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Missing => "does not exist",
            Self::Denied => "may not be read: permission denied",
            Self::Special => "is not a regular file, and only regular files are read",
            Self::TooLarge => "is too large to be read",
            Self::Broken => "cannot be read",
        }
    }
}

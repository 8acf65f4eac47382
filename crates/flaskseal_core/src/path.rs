//! Paths as text, with `/` on every system: those of the tree, and absolute ones of machines.

/// Joins paths of the tree, with `.` and `..` taken out. None: it leads out of the tree.
pub fn join(folder: &str, path: &str) -> Option<String> {
    normal(folder, path, false)
}

/// Joins paths of the tree; what leads out of it stays at its root.
pub fn join_within(folder: &str, path: &str) -> String {
    normal(folder, path, true).unwrap_or_default()
}

/// Joins paths of a container or a host to an absolute one; above its root is its root.
pub fn join_absolute(folder: &str, path: &str) -> String {
    let folder = if path.starts_with('/') { "" } else { folder };
    format!("/{}", join_within(folder, path))
}

fn normal(folder: &str, path: &str, stays: bool) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() && !stays {
                    return None;
                }
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_leave_their_root() {
        assert_eq!(join("a/b", "../c/./d/"), Some("a/c/d".into()));
        assert_eq!(join("a", "../../c"), None);
        assert_eq!(join("", "/"), Some(String::new()));
        assert_eq!(join_within("a", "../../c"), "c");
        assert_eq!(join_absolute("/app", "../../x"), "/x");
        assert_eq!(join_absolute("/app", "/srv//x"), "/srv/x");
        assert_eq!(join_absolute("", ""), "/");
    }
}

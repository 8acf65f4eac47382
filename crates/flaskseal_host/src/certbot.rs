//! certbot's files: `/etc/letsencrypt/renewal/*.conf`, a dialect of ini.

/// A certificate that certbot renews.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lineage {
    /// The file that says so.
    pub path: String,
    pub name: String,
    /// `nginx`, `webroot`, `standalone`, `manual`, `dns-…`.
    pub authenticator: String,
    /// What puts the certificate into a server: `nginx`.
    pub installer: Option<String>,
    /// A command that runs after a renewal.
    pub hook: Option<String>,
    /// A script that proves a name for the authenticator `manual`.
    pub manual_hook: Option<String>,
}

impl Lineage {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let value = |key: &str| {
            let found = text.lines().find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == key).then(|| value.trim())
            });
            found.filter(|value| !value.is_empty() && *value != "None").map(str::to_owned)
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        Self {
            path: path.to_owned(),
            name: file.strip_suffix(".conf").unwrap_or(file).to_owned(),
            authenticator: value("authenticator").unwrap_or_default(),
            installer: value("installer"),
            hook: value("renew_hook").or_else(|| value("deploy_hook")).or_else(|| value("post_hook")),
            manual_hook: value("manual_auth_hook"),
        }
    }

    /// Whether certbot can renew it with nobody there.
    pub fn renews_itself(&self) -> bool {
        self.authenticator != "manual" || self.manual_hook.is_some()
    }

    /// Whether the server gets to know of the new certificate.
    pub fn reloads(&self) -> bool {
        self.installer.is_some() || self.hook.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_says_how_it_is_renewed() {
        let text = "# renew_before_expiry = 30 days\nversion = 2.1.0\n[renewalparams]\nauthenticator = webroot\nserver = https://acme\nrenew_hook = systemctl reload nginx\n";
        let lineage = Lineage::read("/etc/letsencrypt/renewal/shop.example.conf", text);
        assert_eq!((lineage.name.as_str(), lineage.authenticator.as_str()), ("shop.example", "webroot"));
        assert!(lineage.renews_itself() && lineage.reloads());
        let manual = Lineage::read("x.conf", "authenticator = manual\ninstaller = None\n");
        assert!(!manual.renews_itself() && !manual.reloads());
    }
}

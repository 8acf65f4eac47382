//! Files that distributions and certbot put beside nginx's configuration, and that sites include by their names. Where
//! the tree does not hold them, this is what they say.

use flaskseal_core::{FileId, Span};

use super::syntax::{Directive, parse};

/// By the end of the path. Debian's package `nginx-common` 1.22 and certbot 2.11; what of it is not asked for is left
/// out.
const SNIPPETS: &[(&str, &str)] = &[
    // The line for Host is `$host` since the security updates of 2025, and `$http_host` before: not known.
    (
        "proxy_params",
        "proxy_set_header Host $http_host; proxy_set_header X-Real-IP $remote_addr; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;",
    ),
    (
        "options-ssl-nginx.conf",
        "ssl_session_cache shared:le_nginx_SSL:10m; ssl_session_timeout 1440m; ssl_session_tickets off; \
         ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers off; \
         ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
         ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
         DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305;",
    ),
    (
        "snippets/snakeoil.conf",
        "ssl_certificate /etc/ssl/certs/ssl-cert-snakeoil.pem; \
         ssl_certificate_key /etc/ssl/private/ssl-cert-snakeoil.key;",
    ),
    ("uwsgi_params", ""),
    ("fastcgi_params", ""),
    ("fastcgi.conf", ""),
    ("scgi_params", ""),
    ("mime.types", ""),
    ("modules-enabled/*.conf", ""),
    ("modules/*.conf", ""),
    ("snippets/fastcgi-php.conf", ""),
];

/// What a well-known file says, at the place of the `include`.
pub(super) fn of(path: &str, at: Span) -> Option<Vec<Directive>> {
    let ends =
        |name: &str| path.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    let (_, text) = SNIPPETS.iter().find(|(name, _)| ends(name))?;
    let mut directives = parse(FileId(0), text).tree;
    for directive in &mut directives {
        directive.assumed = true;
        directive.span = at;
        directive.name.span = at;
        for word in &mut directive.arguments {
            word.span = at;
        }
    }
    Some(directives)
}

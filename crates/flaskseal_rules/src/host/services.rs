//! Images and ports that everybody knows: what they are, and whether they ask for a password.

use flaskseal_project::deploy::host::Container;
use flaskseal_project::deploy::shell::Argument;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Database,
    Cache,
    Broker,
    Search,
    /// A page for administrators.
    Admin,
    Metrics,
    Proxy,
    /// Manages other containers, and needs the socket of Docker for it.
    Manager,
}

impl Kind {
    pub(super) const fn is_data(self) -> bool {
        matches!(self, Self::Database | Self::Cache | Self::Broker | Self::Search | Self::Admin)
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Broker => "message broker",
            Self::Search => "search engine",
            Self::Admin => "administration tool",
            Self::Metrics => "metrics service",
            Self::Proxy => "proxy",
            Self::Manager => "container manager",
        }
    }
}

/// A service that is published as an image.
pub(super) struct Service {
    /// Last parts of the image's name.
    names: &'static [&'static str],
    pub(super) kind: Kind,
}

const fn service(names: &'static [&'static str], kind: Kind) -> Service {
    Service { names, kind }
}

/// From the pages of the images on Docker Hub.
static SERVICES: &[Service] = &[
    service(&["postgres", "postgresql", "postgis", "timescaledb", "pgvector", "pgbouncer"], Kind::Database),
    service(&["mysql", "mariadb", "percona", "mysql-server"], Kind::Database),
    service(&["mongo", "mongodb", "mongodb-community-server"], Kind::Database),
    service(&["mssql-server", "server"], Kind::Database),
    service(&["cassandra", "scylla"], Kind::Database),
    service(&["couchdb"], Kind::Database),
    service(&["influxdb"], Kind::Database),
    service(&["neo4j"], Kind::Database),
    service(&["clickhouse-server", "clickhouse"], Kind::Database),
    service(&["cockroach"], Kind::Database),
    service(&["minio"], Kind::Database),
    service(&["etcd"], Kind::Database),
    service(&["redis", "valkey", "keydb", "redis-stack", "redis-stack-server", "dragonfly"], Kind::Cache),
    service(&["memcached"], Kind::Cache),
    service(&["rabbitmq"], Kind::Broker),
    service(&["kafka", "cp-kafka", "redpanda"], Kind::Broker),
    service(&["zookeeper", "cp-zookeeper"], Kind::Broker),
    service(&["nats"], Kind::Broker),
    service(&["activemq", "activemq-artemis"], Kind::Broker),
    service(&["eclipse-mosquitto"], Kind::Broker),
    service(&["elasticsearch", "opensearch"], Kind::Search),
    service(&["solr"], Kind::Search),
    service(&["meilisearch"], Kind::Search),
    service(&["adminer"], Kind::Admin),
    service(&["phpmyadmin"], Kind::Admin),
    service(&["pgadmin4", "pgadmin"], Kind::Admin),
    service(&["mongo-express"], Kind::Admin),
    service(&["redis-commander", "redisinsight"], Kind::Admin),
    service(&["flower"], Kind::Admin),
    service(&["rq-dashboard"], Kind::Admin),
    service(&["portainer", "portainer-ce"], Kind::Admin),
    service(&["kibana", "opensearch-dashboards"], Kind::Admin),
    service(&["prometheus", "node-exporter", "cadvisor", "alertmanager", "pushgateway"], Kind::Metrics),
    service(&["grafana", "loki", "jaeger", "all-in-one"], Kind::Metrics),
    service(
        &[
            "nginx",
            "nginx-unprivileged",
            "caddy",
            "traefik",
            "httpd",
            "haproxy",
            "envoy",
            "openresty",
            "nginx-proxy",
            "swag",
            "nginx-certbot",
        ],
        Kind::Proxy,
    ),
    service(
        &["watchtower", "autoheal", "docker-autoheal", "ouroboros", "docker-gen", "dozzle"],
        Kind::Manager,
    ),
    service(&["docker-socket-proxy", "socket-proxy"], Kind::Manager),
];

/// The name of an image without registry, tag and digest.
pub(super) fn image_name(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

pub(super) fn known(image: &str) -> Option<&'static Service> {
    let name = image_name(image).to_ascii_lowercase();
    // `server` alone is Microsoft's.
    let is_ambiguous = name == "server" && !image.contains("mssql");
    SERVICES.iter().find(|service| service.names.contains(&name.as_str())).filter(|_| !is_ambiguous)
}

/// What usually listens on a port, where that should not be public.
pub(super) fn behind_port(port: u16) -> Option<&'static str> {
    Some(match port {
        2375 => "Docker's API without TLS",
        2376 => "Docker's API",
        2379 | 2380 => "etcd",
        5555 => "Flower",
        5601 => "Kibana",
        6443 | 10250 => "Kubernetes",
        8086 => "InfluxDB",
        9042 => "Cassandra",
        9090 => "Prometheus",
        9100 => "metrics of the host",
        9092 => "Kafka",
        9200 | 9300 => "Elasticsearch",
        15672 => "RabbitMQ's management",
        11211 => "memcached",
        1433 => "SQL Server",
        1521 => "Oracle",
        3306 => "MySQL",
        4369 | 5672 => "RabbitMQ",
        5432 => "PostgreSQL",
        5984 => "CouchDB",
        6379 => "Redis",
        27017..=27019 => "MongoDB",
        _ => return None,
    })
}

/// Mail, file transfer and logins without encryption.
pub(super) fn old_service(port: u16) -> Option<&'static str> {
    Some(match port {
        20 | 21 => "FTP",
        23 => "Telnet",
        25 => "SMTP",
        69 => "TFTP",
        110 => "POP3",
        111 => "the port mapper",
        135 | 137..=139 | 445 => "Windows file sharing",
        143 => "IMAP",
        161 => "SNMP",
        389 => "LDAP",
        512..=514 => "remote shells",
        873 => "rsync",
        2049 => "NFS",
        3389 => "remote desktop",
        5900..=5903 => "VNC",
        _ => return None,
    })
}

/// Why a service lets everybody in who reaches it, where its container says so.
pub(super) fn without_password(container: &Container) -> Option<&'static str> {
    let image = container.image.as_ref()?;
    let name = image_name(&image.value).to_ascii_lowercase();
    let text = |variable: &str| {
        container.variable(variable).map(|said| said.value.1.text().to_ascii_lowercase()).unwrap_or_default()
    };
    let has = |variable: &str| container.variable(variable).is_some();
    let command: Vec<&str> = container.command.iter().map(Argument::text).collect();
    let mentions = |word: &str| command.iter().any(|part| part.contains(word));
    let is_yes = |variable: &str| matches!(text(variable).as_str(), "yes" | "true" | "1");
    match known(&image.value)?.kind {
        Kind::Database if text("POSTGRES_HOST_AUTH_METHOD") == "trust" => {
            Some("`POSTGRES_HOST_AUTH_METHOD` is `trust`")
        }
        Kind::Database
            if is_yes("MYSQL_ALLOW_EMPTY_PASSWORD") || is_yes("MARIADB_ALLOW_EMPTY_ROOT_PASSWORD") =>
        {
            Some("the root password may be empty")
        }
        _ if is_yes("ALLOW_EMPTY_PASSWORD") => Some("`ALLOW_EMPTY_PASSWORD` is set"),
        _ if mentions("--noauth") => Some("it is started with `--noauth`"),
        Kind::Database
            if name == "mongo"
                && !has("MONGO_INITDB_ROOT_USERNAME")
                && !mentions("--auth")
                && !mentions("--keyFile")
                && !mentions("conf") =>
        {
            Some("no user is created for it")
        }
        Kind::Cache if name == "memcached" => Some("it knows no passwords"),
        Kind::Cache if matches!(name.as_str(), "redis" | "valkey") => {
            let is_configured =
                mentions("requirepass") || mentions("aclfile") || mentions(".conf") || mentions("sh");
            let mounts_file = container
                .mounts
                .iter()
                .any(|mount| mount.target.contains("redis") && mount.target.contains("conf"));
            (!is_configured && !mounts_file && !has("REDIS_PASSWORD")).then_some("no password is required")
        }
        Kind::Search if text("xpack.security.enabled") == "false" => Some("its security is switched off"),
        Kind::Search if is_yes("DISABLE_SECURITY_PLUGIN") => Some("its security is switched off"),
        _ => None,
    }
}

/// Who an image runs as, where that is known and not root.
pub(super) fn runs_unprivileged(base: &str) -> bool {
    let lower = base.to_ascii_lowercase();
    let name = image_name(&lower);
    let is_nonroot_tag =
        lower.contains("nonroot") || lower.contains("rootless") || lower.contains("unprivileged");
    let repository = lower.split('@').next().unwrap_or(&lower);
    is_nonroot_tag
        || repository.contains("cgr.dev/chainguard/")
        || repository.starts_with("chainguard/")
        || repository.contains("bitnami/")
        || repository.contains("/lambda/")
        || repository.contains("/ubi8/")
        || repository.contains("/ubi9/python")
        || repository.contains("jupyter/")
        || matches!(
            name,
            "superset" | "airflow" | "elasticsearch" | "opensearch" | "grafana" | "prometheus" | "jenkins"
        )
}

/// Whether an image's own programs give up root after they have started.
pub(super) fn drops_root_itself(base: &str) -> bool {
    known(base).is_some_and(|service| service.kind != Kind::Admin)
}

/// Whether an image is one whose user is known to be root.
pub(super) fn runs_as_root(base: &str) -> bool {
    matches!(
        image_name(&base.to_ascii_lowercase()),
        "python"
            | "debian"
            | "ubuntu"
            | "alpine"
            | "node"
            | "fedora"
            | "centos"
            | "rockylinux"
            | "almalinux"
            | "amazonlinux"
            | "busybox"
            | "scratch"
            | "golang"
            | "ruby"
            | "php"
            | "openjdk"
            | "uv"
            | "pypy"
            | "buildpack-deps"
            | "uwsgi-nginx-flask"
            | "meinheld-gunicorn-flask"
            | "miniconda3"
            | "cuda"
            | "rust"
            | "eclipse-temurin"
            | "archlinux"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        assert_eq!(image_name("registry.example:5000/team/postgres:16@sha256:00"), "postgres");
        assert!(known("bitnami/postgresql:15").is_some_and(|service| service.kind == Kind::Database));
        assert!(known("postgres-backup").is_none() && known("shop/server").is_none());
        assert!(runs_unprivileged("nginxinc/nginx-unprivileged:1.27") && !runs_unprivileged("python:3.13"));
        assert!(
            runs_unprivileged("gcr.io/distroless/python3:nonroot")
                && !runs_unprivileged("gcr.io/distroless/python3")
        );
    }
}

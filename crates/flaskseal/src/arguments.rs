//! The command line, literally: what each word means is decided in `configuration` and `outputs`.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use flaskseal_core::Severity;
use flaskseal_judge::Date;
use flaskseal_probe::Mapping;
use flaskseal_report::Format;
use flaskseal_tls::Profile;
use url::Url;

/// Is this Flask app, as production runs it, safe to deploy?
#[derive(Parser, Debug)]
#[command(name = "flaskseal", version, max_term_width = 110, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  flaskseal check                             judge the application in this folder
  flaskseal check shop --entry 'gunicorn shop:create_app()'
  flaskseal probe https://staging.example.org judge what a running site shows
  flaskseal explain FS301                     what a rule checks, why, and how to fix it
  flaskseal baseline write                    record today's findings, to fail only on new ones

Exit status: 0 the gate passes; 1 it fails; 2 wrong usage, unusable input, nothing to judge, or an internal error.";

#[derive(Subcommand, Debug)]
pub enum Command {
    Check(Box<CheckArguments>),
    Probe(Box<ProbeArguments>),
    /// Explain a rule: what it checks, why it matters, how to fix it
    #[command(after_help = "Examples:\n  flaskseal explain FS301\n  flaskseal explain hardcoded-secret-key")]
    Explain {
        /// The rule's id or name
        rule: String,
        #[command(flatten)]
        color: ColorArguments,
    },
    /// List the rules
    #[command(after_help = "Examples:\n  flaskseal rules\n  flaskseal rules --format json")]
    Rules {
        /// A table for people, or JSON
        #[arg(long, alias = "output-format", value_enum, default_value = "terminal")]
        format: ListFormat,
        #[command(flatten)]
        color: ColorArguments,
    },
    /// Record known findings, so that the gate fails only on new ones
    #[command(subcommand)]
    Baseline(BaselineCommand),
    /// List the packages that production installs, what is known against them, and whether they are used
    #[command(after_help = "Examples:\n  flaskseal deps\n  flaskseal deps --format cyclonedx > sbom.json")]
    Deps {
        #[command(flatten)]
        project: ProjectArguments,
        /// A table for people, JSON, or a CycloneDX 1.6 bill of materials with VEX statements
        #[arg(long, short, alias = "output-format", value_enum, default_value = "terminal")]
        format: PackageFormat,
    },
    /// The database of published advisories
    #[command(subcommand)]
    Db(DbCommand),
    /// Show flaskseal's own configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script
    #[command(
        after_help = "Examples:\n  flaskseal completions bash > ~/.local/share/bash-completion/completions/flaskseal\n  flaskseal completions zsh > ~/.zfunc/_flaskseal"
    )]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Judge whether the application is safe to deploy
///
/// Reads the tree below PATH, finds what production starts, and gives each item of the checklist a verdict with its
/// evidence. Nothing of the project is executed, and nothing leaves this machine; with --url the site is asked, and told
/// nothing of the project.
#[derive(Args, Debug)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArguments {
    #[command(flatten)]
    pub project: ProjectArguments,
    /// Look at the running site too: what it shows decides over what files say
    #[arg(long, value_name = "URL", env = "FLASKSEAL_URL", value_parser = site_url, value_hint = ValueHint::Url, help_heading = "Running site")]
    pub url: Option<Url>,
    #[command(flatten)]
    pub site: SiteArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Judge what a running site shows, without its source
///
/// Asks the site what a visitor and a stranger would ask, with GET, HEAD and OPTIONS alone, and judges what it answers:
/// TLS, redirects, headers, cookies, pages for developers, files that should not be there. Only the host of URL is
/// asked; nothing is sent that changes something, and no login is tried. Probe only what you may.
#[derive(Args, Debug)]
#[command(after_help = PROBE_EXAMPLES)]
pub struct ProbeArguments {
    /// The address of the start page
    #[arg(value_name = "URL", value_parser = site_url, value_hint = ValueHint::Url)]
    pub url: Url,
    #[command(flatten)]
    pub site: SiteArguments,
    #[command(flatten)]
    pub gate: GateArguments,
    #[command(flatten)]
    pub run: RunArguments,
    #[command(flatten)]
    pub output: OutputArguments,
}

const PROBE_EXAMPLES: &str = "\
Examples:
  flaskseal probe https://staging.example.org
  flaskseal probe https://shop.example/ --resolve shop.example:443:203.0.113.7
  flaskseal probe https://intern.example/ --ca-file company.pem --header 'Authorization: Bearer …'
  flaskseal check . --url https://staging.example.org    source, deployment files and the site together

Ctrl-C ends the probe and reports what is known; twice, it ends the program.

Exit status: 0 the gate passes; 1 it fails; 2 wrong usage, a site that does not answer, or an internal error.";

/// What is judged, and what fails.
#[derive(Args, Debug)]
pub struct GateArguments {
    /// Judge only these items (key or number) or rules (id or name), comma-separated (repeatable)
    #[arg(
        long,
        value_name = "ITEM|RULE",
        env = "FLASKSEAL_ONLY",
        value_delimiter = ',',
        help_heading = "Gate"
    )]
    pub only: Vec<String>,
    /// Leave out these items or rules, comma-separated (repeatable)
    #[arg(
        long,
        value_name = "ITEM|RULE",
        env = "FLASKSEAL_SKIP",
        value_delimiter = ',',
        help_heading = "Gate"
    )]
    pub skip: Vec<String>,
    /// The least severity of a finding that fails its item: low, medium, high or critical [default: medium]
    #[arg(long, value_name = "SEVERITY", env = "FLASKSEAL_FAIL_ON", value_parser = severity, help_heading = "Gate")]
    pub fail_on: Option<Severity>,
}

/// What has to do with the run itself.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// Draw no progress on standard error
    #[arg(long, env = "FLASKSEAL_NO_PROGRESS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Running")]
    pub no_progress: bool,
    /// The day to judge by
    #[arg(long, alias = "today", value_name = "YYYY-MM-DD", env = "FLASKSEAL_NOW", hide = true)]
    pub now: Option<Date>,
}

/// How a running site is asked.
#[derive(Args, Debug)]
pub struct SiteArguments {
    /// Send a header, as NAME: VALUE, with every request; only over a connection whose certificate is trusted (repeatable)
    #[arg(long, value_name = "HEADER", value_parser = header, help_heading = "Running site")]
    pub header: Vec<(String, String)>,
    /// Send a cookie, as NAME=VALUE, likewise (repeatable)
    #[arg(long, value_name = "COOKIE", value_parser = cookie, help_heading = "Running site")]
    pub cookie: Vec<String>,
    /// Reach HOST:PORT at ADDRESS, or at ADDRESS:PORT, instead of where its name leads (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDRESS", help_heading = "Running site")]
    pub resolve: Vec<Mapping>,
    /// Ask through an HTTP proxy
    #[arg(long, value_name = "URL", value_parser = proxy_url, value_hint = ValueHint::Url, help_heading = "Running site")]
    pub proxy: Option<Url>,
    /// Trust the certificate authorities of a PEM file besides those of Mozilla
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Running site")]
    pub ca_file: Option<PathBuf>,
    /// Try the lines of a file as keys of signed cookies, besides keys that everybody knows
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Running site")]
    pub keys: Option<PathBuf>,
    /// The profile of Mozilla's Server Side TLS that TLS is judged by: modern, intermediate or old
    #[arg(long, value_name = "PROFILE", env = "FLASKSEAL_TLS_PROFILE", default_value = "intermediate", value_parser = tls_profile(), hide_possible_values = true, help_heading = "Running site")]
    pub tls_profile: Profile,
    /// Send headers and cookies even where the certificate is not trusted; it is judged all the same
    #[arg(long, help_heading = "Running site")]
    pub insecure_ca: bool,
    /// Seconds that one request may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=300), help_heading = "Running site")]
    pub timeout: u16,
    /// Requests that are made at the most
    #[arg(long, value_name = "N", default_value = "60", value_parser = clap::value_parser!(u16).range(1..=1000), help_heading = "Running site")]
    pub max_requests: u16,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  flaskseal check
  flaskseal check shop --entry shop.wsgi:app --env-file deploy/shop.env
  flaskseal check --only session,debug --fail-on high
  flaskseal check --format sarif --output flaskseal.sarif --format terminal
  flaskseal check --policy /etc/flaskseal/policy.toml --strict
  sudo flaskseal check /srv/shop --host       on the server: what really runs there decides
  flaskseal check --url https://staging.example.org

An --output belongs to the --format before it; formats without one go to standard output.

Configuration: `flaskseal.toml`, or `[tool.flaskseal]` in `pyproject.toml`, in the nearest folder from PATH up to the root of its repository. Later wins: configuration file, FLASKSEAL_* variables, command line; a --policy is applied last.

Exit status: 0 the gate passes; 1 it fails; 2 wrong usage, unusable input, nothing to judge, or an internal error.";

/// What to judge, and how strictly.
#[derive(Args, Debug)]
pub struct ProjectArguments {
    /// The folder of the application or of its repository
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub path: PathBuf,

    /// What production starts, as MODULE:CALLABLE or as a command line; instead of what the tree says (repeatable)
    #[arg(long, value_name = "ENTRY", env = "FLASKSEAL_ENTRY", help_heading = "Production")]
    pub entry: Vec<String>,
    /// A file of NAME=VALUE lines that production's environment is made from; later files win (repeatable)
    #[arg(long, value_name = "FILE", env = "FLASKSEAL_ENV_FILE", value_hint = ValueHint::FilePath, help_heading = "Production")]
    pub env_file: Vec<PathBuf>,
    /// Production's environment holds nothing but what the tree and the --env-file say
    #[arg(long, env = "FLASKSEAL_ENV_COMPLETE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Production")]
    pub env_complete: bool,
    /// Look at this machine too: firewall, sockets, processes, files; run as root it sees more
    #[arg(long, env = "FLASKSEAL_HOST", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Production")]
    pub host: bool,
    /// Look at the machine whose root folder this is, a mounted image say, instead of this one
    #[arg(long, value_name = "DIR", env = "FLASKSEAL_HOST_ROOT", value_hint = ValueHint::DirPath, help_heading = "Production")]
    pub host_root: Option<PathBuf>,
    /// An installed environment, whose packages are judged instead of those that the tree lists
    #[arg(long, value_name = "DIR", env = "FLASKSEAL_ENV", value_hint = ValueHint::DirPath, help_heading = "Production")]
    pub env: Option<PathBuf>,
    /// The database of advisories [default: that of `flaskseal db update`, or the built-in table]
    #[arg(long, value_name = "FILE", env = "FLASKSEAL_DB", value_hint = ValueHint::FilePath, help_heading = "Production")]
    pub db: Option<PathBuf>,
    /// Judge the tree even if nothing in it looks like Flask
    #[arg(long, env = "FLASKSEAL_FORCE", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Production")]
    pub force: bool,

    #[command(flatten)]
    pub gate: GateArguments,
    /// Fail also when a selected item could not be verified
    #[arg(long, env = "FLASKSEAL_STRICT", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Gate")]
    pub strict: bool,
    /// The file of known findings
    #[arg(long, value_name = "FILE", env = "FLASKSEAL_BASELINE", value_hint = ValueHint::FilePath, help_heading = "Gate")]
    pub baseline: Option<PathBuf>,
    /// Let no comment and no configuration silence a finding
    #[arg(long, env = "FLASKSEAL_NO_IGNORES", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Gate")]
    pub no_ignores: bool,
    /// Paths not to read, in the syntax of .gitignore, comma-separated (repeatable)
    #[arg(
        long,
        value_name = "GLOB",
        env = "FLASKSEAL_EXCLUDE",
        value_delimiter = ',',
        help_heading = "Gate"
    )]
    pub exclude: Vec<String>,

    /// The configuration file, instead of looking for one
    #[arg(long, value_name = "FILE", env = "FLASKSEAL_CONFIG", value_hint = ValueHint::FilePath, help_heading = "Configuration")]
    pub config: Option<PathBuf>,
    /// Use no configuration file
    #[arg(long, alias = "no-config", env = "FLASKSEAL_ISOLATED", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Configuration")]
    pub isolated: bool,
    /// Demands from outside the tree, applied last: nothing in the tree and no option can weaken them
    #[arg(long, value_name = "FILE", env = "FLASKSEAL_POLICY", value_hint = ValueHint::FilePath, help_heading = "Configuration")]
    pub policy: Option<PathBuf>,

    /// Threads to use [default: one for each processor]
    #[arg(long, short, value_name = "N", env = "FLASKSEAL_JOBS", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Running")]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub run: RunArguments,
}

/// What to write, and where.
#[derive(Args, Debug)]
pub struct OutputArguments {
    /// How to report [default: terminal] (repeatable)
    #[arg(long, short, alias = "output-format", value_name = "FORMAT", env = "FLASKSEAL_FORMAT", value_parser = report_format(), value_delimiter = ',', help_heading = "Report")]
    pub format: Vec<Format>,
    /// Where the report of the --format before it goes; `-` is standard output (repeatable)
    #[arg(long, short, alias = "output-file", value_name = "FILE", env = "FLASKSEAL_OUTPUT", value_hint = ValueHint::FilePath, help_heading = "Report")]
    pub output: Vec<PathBuf>,
    #[command(flatten)]
    pub color: ColorArguments,
    /// Say less; twice: nothing but the exit status
    #[arg(long, short, action = ArgAction::Count, help_heading = "Report")]
    pub quiet: u8,
    /// Show the evidence of what passes too
    #[arg(long, short, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "Report")]
    pub verbose: u8,
    /// Exit with 0 even if the gate fails
    #[arg(long, env = "FLASKSEAL_EXIT_ZERO", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new(), help_heading = "Report")]
    pub exit_zero: bool,
}

#[derive(Args, Debug)]
pub struct ColorArguments {
    /// Colour the output; `auto` obeys NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE and the terminal
    #[arg(
        long,
        value_name = "WHEN",
        env = "FLASKSEAL_COLOR",
        value_enum,
        default_value = "auto",
        help_heading = "Report"
    )]
    pub color: Color,
}

#[derive(Subcommand, Debug)]
pub enum BaselineCommand {
    /// Write the findings of today to the baseline file
    ///
    /// The file is the one of --baseline or of the configuration, else `flaskseal-baseline.toml` in PATH. From severity
    /// high on, a known finding fails its item until somebody accepts it, with --accept or in the file.
    Write {
        #[command(flatten)]
        project: ProjectArguments,
        /// Why the findings recorded now may stay
        #[arg(long, value_name = "REASON")]
        accept: Option<String>,
    },
    /// Remove findings that are gone from the baseline file
    Prune {
        #[command(flatten)]
        project: ProjectArguments,
    },
}

#[derive(Subcommand, Debug)]
pub enum DbCommand {
    /// Fetch the advisories on all of PyPI that the OSV project publishes
    ///
    /// What is up to date already is not fetched again; whatever goes wrong,
    /// the database stays as it was.
    Update {
        #[command(flatten)]
        database: DatabaseArguments,
        /// Where the dump is fetched from, instead of the OSV project
        #[arg(long, value_name = "URL", env = "FLASKSEAL_DB_URL")]
        url: Option<String>,
        /// Draw no progress on standard error
        #[arg(long, env = "FLASKSEAL_NO_PROGRESS", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
        no_progress: bool,
    },
    /// Read advisories from an OSV dump on disk: the archive, or a folder of documents
    Import {
        /// The archive or folder
        #[arg(value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
        from: PathBuf,
        #[command(flatten)]
        database: DatabaseArguments,
    },
    /// Say which database is used, from where, of which day
    Status {
        #[command(flatten)]
        database: DatabaseArguments,
        /// The day to judge by
        #[arg(long, alias = "today", value_name = "YYYY-MM-DD", env = "FLASKSEAL_NOW", hide = true)]
        now: Option<Date>,
    },
}

#[derive(Args, Debug)]
pub struct DatabaseArguments {
    /// The database file [default: flaskseal/advisories.db in the user's folder for data]
    #[arg(long, value_name = "FILE", env = "FLASKSEAL_DB", value_hint = ValueHint::FilePath)]
    pub db: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Show what applies to PATH, and where each value comes from
    Show {
        #[command(flatten)]
        project: ProjectArguments,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ListFormat {
    Terminal,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PackageFormat {
    Terminal,
    Json,
    Cyclonedx,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Whether standard output gets colours.
    pub fn on_stdout(self) -> bool {
        match self {
            Self::Auto => flaskseal_system::stdout_wants_color(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

fn site_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; write it as https://shop.example/"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("use an address that begins with https:// or http://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address holds no login: use --header 'Authorization: …'".to_owned());
    }
    Ok(url)
}

fn proxy_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; write it as http://proxy.example:3128"))?;
    let is_usable = url.scheme() == "http" && url.host_str().is_some();
    if is_usable { Ok(url) } else { Err("only proxies that are asked with http:// are supported".to_owned()) }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as NAME: VALUE")?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err("its name has characters that no header has".to_owned());
    }
    Ok((name.to_owned(), printable_value(value.trim())?))
}

fn cookie(text: &str) -> Result<String, String> {
    if !text.contains('=') || text.contains(';') {
        return Err("write it as NAME=VALUE, one at a time".to_owned());
    }
    printable_value(text.trim())
}

fn printable_value(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn report_format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::key)).try_map(|text| text.parse::<Format>())
}

fn tls_profile() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.map(Profile::name))
        .map(|name| Profile::named(&name).unwrap_or_default())
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::from_key(&text.to_ascii_lowercase())
        .ok_or_else(|| "use low, medium, high or critical".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}

//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::Scopes;
use shared::process::ConfigCommand;

use crate::domain::client::{ClientId, ServiceAccount};
use crate::domain::policy::SessionPolicy;
use crate::domain::registry::DEFAULT_OVERLAP_S;

/// An authorization server whose tokens carry a caller's session.
#[derive(Parser)]
#[command(
    version,
    after_help = "Settings: section [auth] of the file, variables BATON_AUTH_<KEY>; deploy/settings.md says what they mean."
)]
pub(super) struct Arguments {
    /// TOML file with a section [auth]; variables BATON_AUTH_... win over it.
    #[arg(long, global = true)]
    pub(super) config: Option<PathBuf>,
    /// Look whether the settings can be used, and end: 0 if they can, 2 if not. Calls nobody.
    #[arg(long)]
    pub(super) check_config: bool,
    /// Print method, path and policy of every route, and end.
    #[arg(long)]
    pub(super) routes: bool,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve until SIGTERM (the default).
    Serve,
    /// Bring the database up to date, and end.
    Migrate,
    /// Print what can be asked, as OpenAPI 3.1, and end.
    Openapi,
    /// The settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make a master key in a new file; needs no configuration.
    MasterKey {
        /// The file.
        path: PathBuf,
    },
    /// One client: a service that may ask for tokens.
    #[command(subcommand)]
    Client(ClientCommand),
    /// All clients, as a file.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Secrets of clients.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Signing keys.
    #[command(subcommand)]
    Keys(KeyCommand),
    /// Session policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// What was handed on for work that runs later.
    #[command(subcommand)]
    Handoffs(HandoffCommand),
    /// End tokens: one, those of a login, or all that a user, a client or a company has.
    Revoke(RevokeArguments),
    /// The audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Subcommand)]
pub(super) enum ClientCommand {
    /// Register a client; prints its secret, once.
    Create(NewClient),
    /// List all clients and their rights.
    List,
    /// Remove a client; its tokens live on until they expire or are revoked.
    Delete {
        /// Its name.
        id: String,
    },
}

#[derive(Args)]
pub(super) struct NewClient {
    /// Its name, for example order-service.
    pub(super) id: String,
    /// What its tokens may be used for, separated by spaces.
    #[arg(long, default_value = "")]
    pub(super) scope: Scopes,
    /// A service that its tokens may be for; can be repeated.
    #[arg(long = "resource", required = true)]
    pub(super) resources: Vec<String>,
    /// On whose behalf it may act: none, fixed:{session}, assert:any, assert:100,200 or JSON.
    #[arg(long, default_value = "none")]
    pub(super) session_policy: SessionPolicy,
    /// A service for which it may exchange a token that it has received; can be repeated.
    #[arg(long)]
    pub(super) exchange: Vec<String>,
    /// The service account whose pods are this client: issuer/namespace:name.
    #[arg(long)]
    pub(super) service_account: Option<ServiceAccount>,
}

#[derive(Subcommand)]
pub(super) enum ClientsCommand {
    /// Make the registered clients those of the file; again, it changes nothing.
    Apply {
        /// The file: [[client]] tables.
        #[arg(short, long)]
        file: PathBuf,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
        /// Remove clients that an earlier version of the file declared and this one does not.
        #[arg(long)]
        prune: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum SecretCommand {
    /// Make a new secret; prints it, once. The one in use stays good for a while.
    Rotate {
        /// The client.
        #[arg(value_parser = ClientId::parse)]
        client: ClientId,
        /// How long the one in use stays good, in seconds.
        #[arg(long, default_value_t = DEFAULT_OVERLAP_S)]
        overlap_s: u32,
    },
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// List the published keys.
    List,
    /// Make the next key; it signs when verifiers have had the time to fetch it.
    Rotate {
        /// Withdraw all keys at once: every token that was issued is void.
        #[arg(long)]
        now: bool,
        /// The master key that sealed them is lost: they go without being read.
        #[arg(long, requires = "now")]
        lost_master_key: bool,
    },
    /// Seal all keys with the master key in use. To change it: restart every replica with the new one as `master_key`
    /// and the old one as `previous_master_key`, run this, and restart without the old one.
    Reseal,
}

#[derive(Subcommand)]
pub(super) enum PolicyCommand {
    /// Say whether a client would get a token, and by which rule. Exit code 0 for yes, 1 for no.
    Explain(ExplainArguments),
}

#[derive(Args)]
pub(super) struct ExplainArguments {
    /// The client.
    #[arg(long)]
    pub(super) client: String,
    /// The session that it asks for, as JSON.
    #[arg(long)]
    pub(super) session: Option<String>,
    /// The scopes that it asks for, separated by spaces.
    #[arg(long)]
    pub(super) scope: Option<String>,
    /// A service that the token is to be for; can be repeated.
    #[arg(long = "resource")]
    pub(super) resources: Vec<String>,
    /// A file of clients: with it, no database and no settings are needed.
    #[arg(long)]
    pub(super) clients: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Subcommand)]
pub(super) enum HandoffCommand {
    /// Say who may use it, for what, how often, until when, and why a use would be refused now. Exit code 0 when it would be
    /// allowed, 1 when not.
    Explain {
        /// Its id, or the name that tokens and the audit log have for it.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(super) struct RevokeArguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Those issued until then, in seconds since 1970; without it, until now.
    #[arg(long)]
    pub(super) issued_before: Option<i64>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Target {
    /// The token with this id and no other: what came of it goes by its sid, which is its id where it is a root.
    #[arg(long)]
    pub(super) jti: Option<String>,
    /// All that came of this login or root session.
    #[arg(long)]
    pub(super) sid: Option<String>,
    /// This handoff, by its id or its name, and all that came of it.
    #[arg(long)]
    pub(super) handoff: Option<String>,
    /// The tokens of this subject.
    #[arg(long)]
    pub(super) sub: Option<String>,
    /// The tokens on behalf of this user.
    #[arg(long)]
    pub(super) user: Option<String>,
    /// The tokens of this client, and those that it has passed on.
    #[arg(long)]
    pub(super) client: Option<String>,
    /// The tokens on behalf of this company.
    #[arg(long)]
    pub(super) company: Option<String>,
    /// Every token.
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Print the last rows.
    Tail {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        rows: i64,
        /// Go on printing what comes.
        #[arg(short, long)]
        follow: bool,
    },
}

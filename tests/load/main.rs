//! The load programs: each measures a subject against a baseline in the same run.
//!
//! `cargo run --release -p tests --bin load -- <program> [--json] [--seconds N]`

mod auth;
mod batch;
mod client;
mod cold_burst;
mod connection;
mod file;
mod guarded_route;
mod handoff;
mod harness;
mod load;
mod issuer;
mod login;
mod orders;
mod pgbench;
mod process;
mod refresh;
mod servers;
mod start;
mod token;
mod token_batch;
mod unknown_kids;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::{Failure, Settings};
use shared::Algorithm;

/// Measures baton against baselines in the same run. Figures of a debug build mean nothing: use --release.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object in place of a table.
    #[arg(long, global = true)]
    json: bool,
    /// How long to measure, in seconds; at least five rounds are made.
    #[arg(long, global = true, default_value_t = 10)]
    seconds: u64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// From exec to ready, and memory: all five services in one process, against one bare actix server.
    Start,
    /// What the session middleware costs a request, for each algorithm, in CPU time of the server.
    GuardedRoute,
    /// What it costs to carry tokens: a call, a look-up among 10,000 sessions, their memory.
    Client,
    /// 1,000 callers of 10 sessions at once, and no token yet: who asks for one, and how long the last one waits.
    ColdBurst,
    /// Good callers beside 10,000 tokens of keys that nobody has; takes 20 s a round.
    UnknownKids,
    /// What a token for a session costs auth-service, for each algorithm, and how long callers wait for it; takes 90 s.
    Token {
        /// Go on to a million tokens before memory is looked at; takes two minutes more.
        #[arg(long)]
        million: bool,
    },
    /// What a token costs where a client asks for 1,000 at once, against the signature alone.
    TokenBatch,
    /// Logins a second against bare Argon2id, and how long token requests wait beside them.
    Login,
    /// Renewals of logins a second on PostgreSQL and Redis, against the same as one statement by pgbench.
    Refresh,
    /// What was handed on is used, on PostgreSQL, against the same as one statement by pgbench; and what 100,000 stored ones change.
    Handoff,
    /// Orders placed and read a second on PostgreSQL, against the same rows by pgbench; and pages far into a list.
    Orders,
    /// Files out of file-service against nginx, files into it against hashing and writing alone, and the memory of 50 at
    /// once; needs nginx and 2 GB of disk.
    File,
    /// The runner of batch-service against plain calls, what it costs by itself on SQLite and PostgreSQL, the memory of a million
    /// items, and the token calls of 10,000 companies; takes two minutes.
    Batch,
    /// A server that a program measures; not for people.
    #[command(hide = true, subcommand)]
    Server(Server),
}

#[derive(Subcommand)]
enum Server {
    #[command(subcommand)]
    Start(start::Server),
    Route {
        port: u16,
        server: guarded_route::Server,
        jwk: String,
    },
    Auth(auth::Server),
    BatchOrders {
        port: u16,
    },
    BatchAlone(batch::Alone),
    Login(login::Server),
    Refresh(refresh::Server),
    Handoff(handoff::Server),
    Orders(orders::Server),
    File(file::Server),
    Writing(file::Writing),
    Limit {
        port: u16,
        algorithm: Algorithm,
    },
    Signing {
        algorithm: Algorithm,
        times: usize,
    },
    Called {
        port: u16,
    },
    Memory {
        keeper: client::Keeper,
    },
    Burst {
        port: u16,
    },
    Kids {
        port: u16,
        #[command(subcommand)]
        server: unknown_kids::Server,
    },
}

impl Server {
    fn run(&self) -> ExitCode {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let ended = runtime.block_on(async {
            match self {
                Self::Start(server) => server.serve().await,
                Self::Route { port, server, jwk } => {
                    guarded_route::serve(*server, *port, jwk).await
                }
                Self::Auth(server) => auth::serve(server).await,
                Self::BatchOrders { port } => batch::serve_orders(*port).await,
                Self::BatchAlone(alone) => alone.print().await,
                Self::Login(server) => login::serve(server).await,
                Self::Refresh(server) => refresh::serve(server).await,
                Self::Handoff(server) => handoff::serve(server).await,
                Self::Orders(server) => orders::serve(server).await,
                Self::File(server) => file::serve(server).await,
                Self::Writing(writing) => writing.print_seconds(),
                Self::Limit { port, algorithm } => token::limit::serve(*port, *algorithm).await,
                Self::Signing { algorithm, times } => {
                    token::limit::print_signing(*algorithm, *times)
                }
                Self::Called { port } => client::serve(*port).await,
                Self::Memory { keeper } => client::print_memory(*keeper).await,
                Self::Burst { port } => cold_burst::serve(*port).await,
                Self::Kids { port, server } => unknown_kids::serve(server, *port).await,
            }
        });
        shared::server::exit(ended)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = Settings::new(arguments.json, arguments.seconds);
    let measured: Result<(), Failure> = match &arguments.command {
        Command::Start => harness::measure(&start::Start, &settings),
        Command::GuardedRoute => guarded_route::run(&settings),
        Command::Client => client::run(&settings),
        Command::ColdBurst => {
            cold_burst::ColdBurst::start().and_then(|burst| harness::measure(&burst, &settings))
        }
        Command::UnknownKids => unknown_kids::run(&settings),
        Command::Token { million } => token::run(&settings, *million),
        Command::Login => login::run(&settings),
        Command::Refresh => refresh::run(&settings),
        Command::Handoff => handoff::run(&settings),
        Command::Orders => orders::run(&settings),
        Command::File => file::run(&settings),
        Command::Batch => batch::run(&settings),
        Command::TokenBatch => token_batch::run(&settings),
        Command::Server(server) => return server.run(),
    };
    shared::server::exit(measured)
}

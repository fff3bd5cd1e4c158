//! The command line. A program with jobs of its own calls [`main`] with them.

mod arguments;
mod looking;
mod running;
mod schedule;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use shared::config::ConfigError;
use shared::process::{self, ConfigCommand};
use shared::server::StartupError;

use crate::config::Config;
use crate::error::BatchError;
use crate::job::{Declaration, Job, SharedJob};
use crate::runner::{Asked, Ended, Stop, StopReason};
use crate::schedule::{BadSchedule, NoWindow, Said, Timetable, timetables, window_of};
use crate::startup::{self, Batch};
use arguments::{Arguments, Command, Which};

/// Our section of the settings.
const SECTION: &str = "batch";

type Make = Box<dyn Fn(&Batch) -> Result<SharedJob, StartupError> + Send + Sync>;

/// The jobs of a program.
#[derive(Default)]
pub struct Jobs(Vec<(Declaration, Make)>);

impl Jobs {
    /// To begin with.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// And this one: what it says of itself, which `list` and `manifest` show without any settings, and how it is made.
    #[must_use]
    pub fn and<J: Job>(
        mut self,
        declaration: Declaration,
        make: impl Fn(&Batch) -> Result<J, StartupError> + Send + Sync + 'static,
    ) -> Self {
        let make: Make = Box::new(move |batch| Ok(Arc::new(make(batch)?)));
        self.0.push((declaration, make));
        self
    }

    /// What they say of themselves.
    #[must_use]
    pub fn declarations(&self) -> Vec<Declaration> {
        self.0.iter().map(|(declaration, _)| declaration.clone()).collect()
    }

    /// The jobs.
    ///
    /// # Errors
    /// When one of them cannot be put together.
    pub fn make(&self, batch: &Batch) -> Result<Vec<SharedJob>, StartupError> {
        self.0.iter().map(|(_, make)| make(batch)).collect()
    }
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Schedule(#[from] BadSchedule),
    #[error(transparent)]
    Window(#[from] NoWindow),
    #[error(transparent)]
    Startup(#[from] StartupError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error("there is no job `{0}`; `list` shows them")]
    NoSuchJob(String),
    #[error("there is no run {0}; `status` shows them")]
    NoSuchRun(i64),
    #[error("{0}")]
    Usage(String),
}

impl CommandError {
    /// What a start that meets the same again ends with is permanent; what is away may be back.
    fn exit_code(&self) -> ExitCode {
        let code = match self {
            Self::Startup(error) if error.is_away() => Ended::TRY_AGAIN,
            Self::Batch(error) if error.is_transient() => Ended::TRY_AGAIN,
            _ => Ended::PERMANENT,
        };
        ExitCode::from(code)
    }
}

/// Does what the command line says.
pub async fn main(jobs: Jobs) -> ExitCode {
    let arguments = Arguments::parse();
    match run(&jobs, arguments).await {
        Ok(code) => code,
        Err(CommandError::Config(error)) => process::refuse(&error),
        Err(error) => {
            eprintln!("{error}");
            error.exit_code()
        }
    }
}

async fn run(jobs: &Jobs, arguments: Arguments) -> Result<ExitCode, CommandError> {
    let file = arguments.config.as_deref();
    match arguments.command {
        _ if arguments.check_config => {
            Ok(process::say_whether_good(SECTION, check(jobs, &Config::load(file)?)))
        }
        Some(Command::List) => schedule::list(jobs, file),
        Some(Command::Manifest { which, pods }) => schedule::print_manifest(jobs, &which, pods),
        Some(command) => run_with(jobs, (file, Config::load(file)?), command).await,
        None => Err(CommandError::Usage("say what to do; `--help` shows what there is".to_owned())),
    }
}

/// What needs settings.
async fn run_with(
    jobs: &Jobs,
    (file, config): (Option<&Path>, Config),
    command: Command,
) -> Result<ExitCode, CommandError> {
    if let Command::Config(ConfigCommand::Print) = command {
        return Ok(process::print_config((SECTION, file), &config));
    }
    shared::telemetry::start(&config.log);
    if matches!(command, Command::Migrate) {
        startup::migrate(&config).await?;
        return Ok(ExitCode::SUCCESS);
    }
    Program::start(jobs, config).await?.run(command).await
}

fn check(jobs: &Jobs, config: &Config) -> Result<(), StartupError> {
    timetables(&jobs.declarations(), &config.schedules).map_err(StartupError::part("schedules"))?;
    config.share().map_err(StartupError::part("pods"))?;
    startup::check(config)
}

/// Everything that a command needs.
pub(crate) struct Program {
    jobs: Vec<SharedJob>,
    timetables: Vec<Timetable>,
    batch: Batch,
    config: Config,
    stop: Stop,
}

impl Program {
    async fn start(jobs: &Jobs, config: Config) -> Result<Self, CommandError> {
        let timetables = timetables(&jobs.declarations(), &config.schedules)?;
        let stop = Stop::default();
        let signalled = stop.clone();
        tokio::spawn(async move {
            shared::server::termination().await;
            signalled.request(StopReason::Signal);
        });
        let batch = Batch::start(&config).await?;
        let jobs = jobs.make(&batch)?;
        Ok(Self { jobs, timetables, batch, config, stop })
    }

    async fn run(&self, command: Command) -> Result<ExitCode, CommandError> {
        if command.works() {
            self.batch.show_metrics(self.jobs.iter())?;
        }
        let done = self.do_as_told(command).await;
        self.batch.finish().await;
        done
    }

    async fn do_as_told(&self, command: Command) -> Result<ExitCode, CommandError> {
        match command {
            Command::Run { which, catch_up, again, skip_limit } => {
                self.run_windows(&which, (catch_up, again, skip_limit)).await
            }
            Command::Resume { run, skip_limit } => self.resume(run, skip_limit).await,
            Command::DryRun(which) => self.dry_run(&which).await,
            Command::Replay { run } => self.replay(run).await,
            Command::Status { run: None } => self.show_newest(None, 20).await,
            Command::Status { run: Some(run) } => self.show_run(run).await,
            Command::History { job, count } => self.show_newest(Some(&job), count).await,
            Command::Stop { run } => self.ask_to_stop(run).await,
            Command::Quarantine { run, json } => self.show_quarantine(run, json).await,
            Command::Schedule { catch_up } => self.keep_schedule(catch_up).await,
            Command::List | Command::Manifest { .. } | Command::Migrate | Command::Config(_) => {
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    fn job(&self, name: &str) -> Result<&SharedJob, CommandError> {
        let found = self.jobs.iter().find(|job| job.declaration().name == name);
        found.ok_or_else(|| CommandError::NoSuchJob(name.to_owned()))
    }

    fn timetable(&self, job: &str) -> Result<&Timetable, CommandError> {
        let found = self.timetables.iter().find(|timetable| timetable.job() == job);
        found.ok_or_else(|| CommandError::NoSuchJob(job.to_owned()))
    }

    /// What is asked for, of the window that is meant.
    async fn asked(&self, which: &Which) -> Result<Asked, CommandError> {
        let said = Said {
            window: which.window.clone(),
            scheduled_at: self.config.scheduled_at.clone(),
            kubernetes_job: self.config.kubernetes_job.clone(),
        };
        let window = window_of(self.timetable(&which.job)?, &said, self.batch.clock().now())?;
        let job = self.job(&which.job)?;
        let mut parameters = parameters(&job.declaration(), &which.parameters)?;
        job.identify(&mut parameters).await?;
        let share = self.config.share()?;
        Ok(Asked { share, ..Asked::new(Arc::clone(job), window, parameters) })
    }
}

/// What was said, and what is taken for what was not.
fn parameters(
    declaration: &Declaration,
    said: &[(String, String)],
) -> Result<BTreeMap<String, String>, CommandError> {
    let mut parameters = known_parameters(declaration, said)?;
    for known in declaration.parameters {
        let taken = || known.default.map(str::to_owned);
        match parameters.get(known.name).cloned().or_else(taken) {
            Some(value) => parameters.insert(known.name.to_owned(), value),
            None => {
                let text = format!("{}=.. is missing: {}", known.name, known.about);
                return Err(CommandError::Usage(text));
            }
        };
    }
    Ok(parameters)
}

/// What was said, if the job knows it.
fn known_parameters(
    declaration: &Declaration,
    said: &[(String, String)],
) -> Result<BTreeMap<String, String>, CommandError> {
    let is_known = |name: &String| declaration.parameters.iter().any(|known| known.name == name);
    match said.iter().find(|(name, _)| !is_known(name)) {
        None => Ok(said.iter().cloned().collect()),
        Some((name, _)) => {
            let known: Vec<_> = declaration.parameters.iter().map(|known| known.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let text = format!("there is no parameter `{name}`; there are: {known}");
            Err(CommandError::Usage(text))
        }
    }
}

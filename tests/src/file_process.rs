//! [`FileProcess`]: file-service as a process beside the one in a [`System`], on its database and storage.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::logs;
use crate::process::{Process, binary, free_ports, is_ready, unheard};
use crate::system::System;

pub struct FileProcess {
    pub url: String,
    pub address: SocketAddr,
    health: String,
    process: Process,
    settings: Vec<(String, String)>,
}

impl FileProcess {
    /// Starts one that is ready, with these settings beside those that both have in common.
    pub async fn start(system: &System, settings: &[(&'static str, &str)]) -> Self {
        let settings = Self::settings(system, settings);
        Self::started(Self::command(&settings), settings).await
    }

    /// The same with no file larger than so many KiB.
    pub async fn start_on_small_disk(system: &System, kib: u32) -> Self {
        let settings = Self::settings(system, &[]);
        let mut limited = Command::new("bash");
        // Who is not killed for it is told that there is no room.
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\"");
        limited.args(["-c", &script]).arg(binary("file-service")).stdin(Stdio::null());
        limited.envs(settings.iter().map(|(name, value)| (name, value)));
        Self::started(limited, settings).await
    }

    fn settings(system: &System, more: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let issuer = system.services.auth.url();
        let [port, health] = free_ports();
        let folder = system.options.data_dir.join("files");
        let own = [
            ("storage_url", format!("file://{}", folder.display())),
            ("database_url", system.options.databases.file.clone()),
            ("jwks_url", format!("{issuer}/.well-known/jwks.json")),
            ("issuer", issuer),
            ("listen", format!("127.0.0.1:{port}")),
            ("management_listen", format!("127.0.0.1:{health}")),
            ("log", logs::level("warn")),
        ];
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let common = system.options.file_settings.iter().cloned();
        own.into_iter()
            .chain(common)
            .chain(more)
            .map(|(name, value)| (variable(name), value))
            .collect()
    }

    fn command(settings: &[(String, String)]) -> Command {
        let settings: Vec<_> =
            settings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        unheard("file-service", &settings)
    }

    async fn started(command: Command, settings: Vec<(String, String)>) -> Self {
        let at = |name| {
            let found = settings.iter().find(|(own, _)| *own == variable(name));
            found.expect("an address").1.clone()
        };
        let (address, health) = (at("listen"), at("management_listen"));
        let started = Self {
            url: format!("http://{address}"),
            address: address.parse().expect("an address"),
            health: format!("http://{health}/readyz"),
            process: Process::start(command),
            settings,
        };
        is_ready(&started.health).await;
        started
    }

    /// SIGKILL, and the same again on the same ports.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process = Process::start(Self::command(&self.settings));
        is_ready(&self.health).await;
    }
}

fn variable(name: &str) -> String {
    format!("BATON_FILE_{}", name.to_uppercase())
}

//! The binaries of the project as processes of their own, for what only a process can suffer.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;

use crate::caller::Caller;
use crate::logs;

/// The built binary, up to date.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            // The same set of features as for the tests: nothing is compiled twice.
            .args(["build", "--quiet", "--workspace", "--all-features", "--bins", "--examples"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status();
        assert!(build.expect("cargo runs").success(), "the binaries are built");
    });
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("the test is in deps/ of the profile's folder");
    profile.join(name)
}

/// An example of `shared` or batch-service, up to date.
pub fn example(name: &str) -> PathBuf {
    binary("examples").join(name)
}

/// A command of a binary whose environment holds no settings but these.
pub fn command(name: &str, settings: &[(&str, String)]) -> Command {
    command_of(binary(name), settings)
}

/// A command of any program of the project, in the same way.
pub fn command_of(program: PathBuf, settings: &[(&str, String)]) -> Command {
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("BATON_") {
            command.env_remove(variable);
        }
    }
    command.envs(settings.iter().map(|(variable, value)| (variable, value)));
    command.stdin(Stdio::null());
    command
}

/// A command of a binary to whose log nobody listens.
pub fn unheard(name: &str, settings: &[(&str, String)]) -> Command {
    let mut command = command(name, settings);
    logs::keep(&mut command);
    command
}

/// Runs a binary to its end.
pub fn run(name: &str, arguments: &[&str], settings: &[(&str, String)]) -> Output {
    let output = command(name, settings).args(arguments).output().expect("it runs");
    logs::keep_said(&String::from_utf8_lossy(&output.stderr));
    output
}

/// A port that was free just now.
pub fn free_port() -> u16 {
    free_ports::<1>()[0]
}

/// Ports that were free just now, each another one. Below 32768, from where the kernel takes the ports of outgoing connections:
/// one that is killed and started again finds its port free.
pub fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| next_free_port())
}

fn next_free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 10_000;
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU16::new(fastrand::u16(..COUNT)));
    loop {
        let port = FIRST + next.fetch_add(1, Ordering::SeqCst) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A process that is killed when the test ends, however it ends.
pub struct Process {
    child: Child,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        Self { child: command.spawn().expect("it starts") }
    }

    /// SIGKILL: no chance to say good-bye.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it has ended");
    }

    /// SIGTERM: please stop.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGSTOP: it does not notice that time goes by.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Lines of standard error up to the first that this says yes to; false when there is none. What comes after
    /// is read and dropped, or the process would stop at a full pipe.
    pub fn wait_for_line(&mut self, mut wanted: impl FnMut(&str) -> bool) -> bool {
        let mut lines = BufReader::new(self.child.stderr.take().expect("stderr is piped")).lines();
        let found = lines.by_ref().map_while(Result::ok).any(|line| {
            logs::keep_said(&format!("{line}\n"));
            wanted(&line)
        });
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        found
    }

    /// The first line of standard output; what comes after is read and dropped.
    pub fn first_line(&mut self) -> String {
        let mut lines = BufReader::new(self.child.stdout.take().expect("stdout is piped")).lines();
        let first = lines.next().expect("a line").expect("text");
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        first
    }

    /// The exit code.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }

    /// Exit code and standard output.
    pub fn wait_with_output(&mut self) -> (Option<i32>, String) {
        let stdout = self.child.stdout.take().expect("stdout is piped");
        let text = std::io::read_to_string(stdout).expect("text");
        (self.wait(), text)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until the answer is yes.
pub fn wait_until(what: &str, mut ask: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ask() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what} within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a service says at this address that it is ready.
pub async fn is_ready(health: &str) {
    let began = Instant::now();
    let ask = || Caller::new(None).request(Method::GET, health).send();
    while !ask().await.is_ok_and(|answer| answer.status() == 200) {
        assert!(began.elapsed() < Duration::from_secs(30), "ready within 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

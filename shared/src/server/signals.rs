//! How a process is told to end.

/// How a process is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Termination {
    /// SIGTERM: by whoever runs it; others may not know yet.
    Orderly,
    /// SIGINT: by a person who waits for it.
    Interactive,
}

/// SIGTERM and SIGINT, listened for from the beginning: a signal that comes before it is waited for is not lost.
pub(crate) struct Signals(Option<[tokio::signal::unix::Signal; 2]>);

impl Signals {
    pub(crate) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let both = signal(SignalKind::terminate()).and_then(|terminate| {
            signal(SignalKind::interrupt()).map(|interrupt| [terminate, interrupt])
        });
        Self(both.ok())
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Termination {
        let Some([terminate, interrupt]) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => Termination::Orderly,
            _ = interrupt.recv() => Termination::Interactive,
        }
    }
}

/// Resolves at SIGTERM or SIGINT.
pub async fn termination() -> Termination {
    Signals::listen().next().await
}

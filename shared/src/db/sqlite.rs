//! What SQLite does is done on threads that may wait.

use std::error::Error;

use diesel_async::sync_connection_wrapper::SpawnBlocking;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};

/// The runtime's own. A statement that nobody waits for any more is made to its end, and its connection is closed after that, see
/// [`Lent`](super::Lent). (diesel-async would wait in a destructor, and panics there where a runtime has one thread, as under
/// actix.)
#[derive(Clone, Copy, Debug)]
pub struct Threads;

impl SpawnBlocking for Threads {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync>>> {
        tokio::task::spawn_blocking(task).map_err(Box::from).boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

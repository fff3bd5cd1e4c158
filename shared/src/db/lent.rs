//! [`Lent`]: a connection of the pool, for one piece of work.

use deadpool::managed::Manager;
use diesel_async::SimpleAsyncConnection;
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, PoolableConnection};

use super::CHECK_TIMEOUT;

/// A connection that goes back into its pool when the work is done. One on which it was given up is closed, whoever gave it
/// up: what it answers next belongs to a question that nobody asks any more.
pub struct Lent<C>(Option<Object<C>>)
where
    C: PoolableConnection + SimpleAsyncConnection + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C>;

impl<C> Lent<C>
where
    C: PoolableConnection + SimpleAsyncConnection + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C>,
{
    pub(super) fn new(connection: Object<C>) -> Self {
        Self(Some(connection))
    }

    /// None once it has been given back.
    pub fn connection(&mut self) -> Option<&mut C> {
        self.0.as_deref_mut()
    }

    /// The work is done. Where it has failed the connection is closed all the same, if it is the connection that has failed: the
    /// next one who gets it from the pool is not to hear of it.
    pub async fn give_back(mut self, has_failed: bool) {
        if has_failed && let Some(connection) = self.connection() {
            let sign_of_life = connection.batch_execute("SELECT 1");
            if !matches!(tokio::time::timeout(CHECK_TIMEOUT, sign_of_life).await, Ok(Ok(()))) {
                return;
            }
        }
        drop(self.0.take());
    }
}

impl<C> Drop for Lent<C>
where
    C: PoolableConnection + SimpleAsyncConnection + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C>,
{
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::<C>::take(connection));
        }
    }
}

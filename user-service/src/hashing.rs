//! [`Hashing`]: passwords are hashed on threads of their own, and no more at once than there is room for, so that a storm
//! of logins stops no other request.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Argon2, Params, PasswordHash as Phc, PasswordHasher, PasswordVerifier};
use aws_lc_rs::rand;
use shared::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::debug;

use crate::domain::password::PasswordHash;

/// 128 bits, as RFC 9106 section 3.1 recommends.
const SALT_BYTES: usize = 16;
/// How much the threads yield to those that answer requests: half the way to 19, the most there is.
const NICENESS: i32 = 10;

/// No hash could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HashingError {
    /// Too many are waiting already. Worth another try.
    #[error("too many passwords are being hashed")]
    Busy,
    /// The settings or a stored hash cannot be used.
    #[error("cannot hash a password: {0}")]
    Failed(String),
}

/// What a comparison has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed with other parameters than are in force now.
    RightButOld,
}

/// How much work a hash is, and who does it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
    pub(crate) parallelism: u32,
}

type Job = Box<dyn FnOnce() + Send>;

/// A place in the queue.
pub(crate) struct Place(OwnedSemaphorePermit);

/// The threads; they end when this is dropped.
pub(crate) struct Hashing {
    jobs: Sender<Job>,
    places: Arc<Semaphore>,
    params: Params,
    /// What no password has, with the parameters in force: as much work to compare with as a real one.
    nobody: PasswordHash,
}

impl Hashing {
    /// So many threads, and so many may wait for them.
    pub(crate) fn start(cost: Cost, threads: usize, queue: usize) -> Result<Self, HashingError> {
        let Cost { memory_kib, iterations, parallelism } = cost;
        let params = Params::new(memory_kib, iterations, parallelism, None).map_err(failed)?;
        let nobody = nobody(&params)?;
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            let work = move || work(&waiting);
            thread::Builder::new().name("hashing".to_owned()).spawn(work).map_err(failed)?;
        }
        // Those at work have one, too.
        let places = Arc::new(Semaphore::new(threads.saturating_add(queue)));
        Ok(Self { jobs, places, params, nobody })
    }

    /// For who has something to do first that cannot be undone; else each call takes one by itself.
    pub(crate) fn place(&self) -> Result<Place, HashingError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map(Place).map_err(|_| HashingError::Busy)
    }

    pub(crate) async fn hash(&self, password: &Secret) -> Result<PasswordHash, HashingError> {
        let (password, argon2) = (password.clone(), Argon2::from(&self.params));
        self.run(self.place()?, move || hash(&argon2, &password)).await
    }

    /// Compares with what is stored. Without anything stored it takes as long to say no.
    pub(crate) async fn verify(
        &self,
        password: &Secret,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, HashingError> {
        self.verify_at(self.place()?, password, stored).await
    }

    /// The same for who has a place already.
    pub(crate) async fn verify_at(
        &self,
        place: Place,
        password: &Secret,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, HashingError> {
        let stored = stored.unwrap_or(&self.nobody).clone();
        let (password, params) = (password.clone(), self.params.clone());
        self.run(place, move || verify(&params, &password, &stored)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        place: Place,
        job: impl FnOnce() -> Result<T, HashingError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            // Whoever asked may have gone away while it waited.
            if !answer.is_closed() {
                let _ = answer.send(job());
            }
            drop(place.0);
        });
        self.jobs.send(job).map_err(|_| failed("no thread is left"))?;
        answered.await.unwrap_or_else(|_| Err(failed("a thread ended in the middle of it")))
    }
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Hashing").field("params", &self.params).finish_non_exhaustive()
    }
}

fn failed(cause: impl std::fmt::Display) -> HashingError {
    HashingError::Failed(cause.to_string())
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    let thread = Some(rustix::thread::gettid());
    if let Err(cause) = rustix::process::setpriority_process(thread, NICENESS) {
        debug!(%cause, "the threads that hash have the weight of all others");
    }
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job();
    }
}

fn random<const N: usize>() -> Result<[u8; N], HashingError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn nobody(params: &Params) -> Result<PasswordHash, HashingError> {
    let params = ParamsString::try_from(params).map_err(failed)?;
    let salt = Salt::new(&random::<SALT_BYTES>()?).map_err(failed)?;
    let output = Output::new(&random::<{ Params::DEFAULT_OUTPUT_LEN }>()?).map_err(failed)?;
    let version = Some(argon2::Version::default().into());
    let algorithm = argon2::ARGON2ID_IDENT;
    let phc = Phc { algorithm, version, params, salt: Some(salt), hash: Some(output) };
    Ok(PasswordHash::new(phc.to_string()))
}

fn hash(argon2: &Argon2<'_>, password: &Secret) -> Result<PasswordHash, HashingError> {
    let salt = random::<SALT_BYTES>()?;
    let phc: Phc =
        argon2.hash_password_with_salt(password.expose().as_bytes(), &salt).map_err(failed)?;
    Ok(PasswordHash::new(phc.to_string()))
}

fn verify(
    current: &Params,
    password: &Secret,
    stored: &PasswordHash,
) -> Result<Verdict, HashingError> {
    use argon2::password_hash::Error;
    let phc = Phc::new(stored.as_str()).map_err(failed)?;
    match Argon2::from(current).verify_password(password.expose().as_bytes(), &phc) {
        Ok(()) if is_current(&phc, current) => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(failed(error)),
    }
}

fn is_current(phc: &Phc, current: &Params) -> bool {
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    phc.algorithm == argon2::ARGON2ID_IDENT
        && Params::try_from(phc).is_ok_and(|own| cost(&own) == cost(current))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() -> Result<(), HashingError> {
        let hashing = Hashing::start(CHEAP, 1, 8)?;
        let (right, wrong) = (Secret::new("비밀번호 123"), Secret::new("비밀번호 124"));
        let stored = hashing.hash(&right).await?;
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", stored.as_str());
        assert_ne!(stored, hashing.hash(&right).await?, "each has a salt of its own");
        assert_eq!(hashing.verify(&right, Some(&stored)).await?, Verdict::Right);
        assert_eq!(hashing.verify(&wrong, Some(&stored)).await?, Verdict::Wrong);
        assert_eq!(hashing.verify(&right, None).await?, Verdict::Wrong);
        Ok(())
    }

    #[tokio::test]
    async fn a_hash_of_other_days_is_good_and_known_as_old() -> Result<(), HashingError> {
        let before = Hashing::start(CHEAP, 1, 8)?;
        let now = Hashing::start(Cost { iterations: 2, ..CHEAP }, 1, 8)?;
        let password = Secret::new("a");
        let stored = before.hash(&password).await?;
        assert_eq!(now.verify(&password, Some(&stored)).await?, Verdict::RightButOld);
        assert_eq!(now.verify(&Secret::new("b"), Some(&stored)).await?, Verdict::Wrong);
        Ok(())
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_told_so_at_once() -> Result<(), HashingError> {
        let hashing = Arc::new(Hashing::start(CHEAP, 1, 1)?);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let (first, second) = (Arc::clone(&hashing), Arc::clone(&hashing));
        let first = tokio::spawn(async move {
            let job = move || {
                let _ = began.send(());
                wait.recv().map_err(failed)
            };
            first.run(first.place()?, job).await
        });
        begun.await.map_err(failed)?;
        let second = tokio::spawn(async move { second.hash(&Secret::new("a")).await });
        tokio::task::yield_now().await;
        assert_eq!(hashing.hash(&Secret::new("a")).await, Err(HashingError::Busy));
        go.send(()).map_err(failed)?;
        first.await.map_err(failed)??;
        assert!(second.await.map_err(failed)?.is_ok());
        Ok(())
    }
}

//! [`Together`]: questions that come at once are answered by one statement.
//!
//! A server has the same work for each message and each transaction, however much is in it. While one statement is under way
//! the next questions gather; nobody waits for others to come, so that one who asks alone is answered as soon as ever.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc, oneshot};

/// How questions gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gathering {
    /// The most questions that are answered at once.
    pub at_once: usize,
    /// So many answers are worked on at a time: while one waits for the server, the next one gathers.
    pub under_way: usize,
    /// The most questions that wait; those who come then wait to wait.
    pub waiting: usize,
}

/// Answers many questions at once.
#[async_trait]
pub trait Answering: Send + Sync + 'static {
    /// What is asked.
    type Question: Send + Sync + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// An answer for each question, in the same order; none where it has to be asked alone, as it is when fewer come back.
    async fn answer(&self, questions: &[Self::Question]) -> Vec<Option<Self::Answer>>;
}

type Asked<W> = (<W as Answering>::Question, oneshot::Sender<Option<<W as Answering>::Answer>>);

/// Takes questions in. The tasks behind it end when the last one is dropped. Cloning one is cheap.
pub struct Together<W: Answering>(mpsc::Sender<Asked<W>>);

impl<W: Answering> Clone for Together<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W: Answering> std::fmt::Debug for Together<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Together")
    }
}

impl<W: Answering> Together<W> {
    /// Starts the tasks that answer; to be called inside of a runtime.
    #[must_use]
    pub fn start(work: W, gathering: Gathering) -> Self {
        let (sender, receiver) = mpsc::channel(gathering.waiting);
        let (work, receiver) = (Arc::new(work), Arc::new(Mutex::new(receiver)));
        for _ in 0..gathering.under_way {
            tokio::spawn(keep_answering(
                Arc::clone(&work),
                Arc::clone(&receiver),
                gathering.at_once,
            ));
        }
        Self(sender)
    }

    /// The answer; none: it has to be asked alone.
    pub async fn ask(&self, question: W::Question) -> Option<W::Answer> {
        let (answer, answered) = oneshot::channel();
        self.0.send((question, answer)).await.ok()?;
        answered.await.ok().flatten()
    }
}

async fn keep_answering<W: Answering>(
    work: Arc<W>,
    receiver: Arc<Mutex<mpsc::Receiver<Asked<W>>>>,
    at_once: usize,
) {
    let mut asked = Vec::with_capacity(at_once);
    loop {
        if receiver.lock().await.recv_many(&mut asked, at_once).await == 0 {
            return;
        }
        let (questions, waiting): (Vec<_>, Vec<_>) = asked.drain(..).unzip();
        let mut answers = work.answer(&questions).await.into_iter();
        for waiting in waiting {
            // Whoever asked may have given up.
            let _ = waiting.send(answers.next().flatten());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    /// Of one round; those beyond are forgotten.
    const ANSWERED: usize = 20;

    #[derive(Default)]
    struct Doubling {
        rounds: AtomicUsize,
    }

    #[async_trait]
    impl Answering for Doubling {
        type Question = u32;
        type Answer = u32;

        async fn answer(&self, questions: &[u32]) -> Vec<Option<u32>> {
            self.rounds.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            let all = questions.iter().map(|number| (*number != 13).then_some(number * 2));
            all.take(ANSWERED).collect()
        }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_are_answered_together_and_each_with_his_own() {
        let gathering = Gathering { at_once: 64, under_way: 1, waiting: 100 };
        let together = Together::start(Doubling::default(), gathering);
        assert_eq!(together.ask(4).await, Some(8));
        let all = join_all((0..31).map(|number| together.ask(number))).await;
        for (number, answer) in (0..).zip(&all) {
            assert!(answer.is_none_or(|answer| answer == number * 2), "{number}: {answer:?}");
        }
        assert_eq!(all[13], None);
        // However they came to be in rounds: nobody waits for ever for an answer that is not given.
        assert!(all.iter().filter(|answer| answer.is_some()).count() >= ANSWERED - 1);
        assert!(all.iter().any(Option::is_none));
    }

    #[tokio::test]
    async fn many_questions_take_few_rounds() {
        let gathering = Gathering { at_once: 16, under_way: 2, waiting: 100 };
        let work = Arc::new(Doubling::default());
        struct Shared(Arc<Doubling>);
        #[async_trait]
        impl Answering for Shared {
            type Question = u32;
            type Answer = u32;
            async fn answer(&self, questions: &[u32]) -> Vec<Option<u32>> {
                self.0.answer(questions).await
            }
        }
        let together = Together::start(Shared(Arc::clone(&work)), gathering);
        let all = join_all((100..180).map(|number| together.ask(number))).await;
        assert!(all.iter().all(Option::is_some));
        let rounds = work.rounds.load(Ordering::SeqCst);
        assert!((5..=8).contains(&rounds), "{rounds}");
    }
}

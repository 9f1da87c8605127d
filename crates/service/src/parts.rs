//! The tasks that make up a process. If one fails, all end: half a server is worse than none.

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::Shutdown;

/// Tasks that run until shutdown, and ask for it when one of them fails.
#[derive(Debug)]
pub struct Parts {
    tasks: JoinSet<anyhow::Result<()>>,
    shutdown: Shutdown,
}

impl Parts {
    /// Creates an empty set. The first failure cancels `shutdown`.
    #[must_use]
    pub fn new(shutdown: &Shutdown) -> Self {
        Self { tasks: JoinSet::new(), shutdown: shutdown.clone() }
    }

    /// Runs a task. It has to watch the shutdown itself.
    pub fn spawn(&mut self, part: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { part.await.inspect_err(|_| shutdown.cancel()) });
    }

    /// Waits until all tasks have ended.
    ///
    /// # Errors
    /// A task failed; this is the first failure.
    pub async fn finished(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(ended.context("a task ended").flatten());
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_fails_ends_the_others_and_is_the_outcome() {
        let shutdown = Shutdown::new();
        let mut parts = Parts::new(&shutdown);
        let other = shutdown.clone();
        parts.spawn(async move {
            other.cancelled().await;
            Ok(())
        });
        parts.spawn(async { anyhow::bail!("no more disk") });
        assert_eq!(parts.finished().await.unwrap_err().to_string(), "no more disk");
    }
}

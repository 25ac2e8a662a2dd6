//! A spawned task that does not outlive its owner.

use std::future::Future;

use tokio::task::{JoinError, JoinHandle};

/// Aborts the task when dropped.
#[derive(Debug)]
pub struct Owned<T>(JoinHandle<T>);

impl<T: Send + 'static> Owned<T> {
    /// Starts the task.
    pub fn spawn(task: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the task in `slot` and empties the slot; waits for ever while it is empty.
pub async fn finished<T>(slot: &mut Option<Owned<T>>) -> Result<T, JoinError> {
    match slot {
        Some(task) => {
            let outcome = (&mut task.0).await;
            *slot = None;
            outcome
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_finished_task_leaves_an_empty_slot() {
        let mut slot = Some(Owned::spawn(async { 7 }));
        assert_eq!(finished(&mut slot).await.ok(), Some(7));
        assert!(slot.is_none());
    }

    #[tokio::test]
    async fn dropping_aborts() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        let owned = Owned::spawn(async move {
            std::future::pending::<()>().await;
            drop(sender);
        });
        drop(owned);
        assert!(receiver.await.is_err());
    }
}

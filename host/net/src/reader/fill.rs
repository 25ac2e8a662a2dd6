//! The task that reads ahead.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::shared::{Shared, Step};
use crate::ByteOrigin;

/// A read that takes longer comes from somewhere that may take longer still.
const PROMPT: Duration = Duration::from_millis(20);

/// Runs until its reader is dropped, which aborts it.
pub(super) async fn fill(shared: Arc<Shared>, mut origin: Box<dyn ByteOrigin>) {
    let end = EndGuard(shared.clone());
    loop {
        match shared.next_step() {
            Step::Open(offset) => {
                let cancellable = origin.is_cancellable();
                if let Some(opened) = unless_superseded(&shared, cancellable, origin.open(offset)).await {
                    shared.publish_opened(offset, opened);
                }
            }
            Step::Read(max) => {
                let cancellable = origin.is_cancellable();
                let asked = Instant::now();
                if let Some(bytes) = unless_superseded(&shared, cancellable, origin.read(max)).await {
                    if asked.elapsed() > PROMPT {
                        shared.had_to_wait();
                    }
                    let begins_part = origin.begins_part();
                    shared.publish_bytes(bytes, begins_part);
                }
            }
            Step::Wait => shared.woken().await,
            Step::Stop => break,
        }
    }
    drop(end);
}

/// The outcome of `call`, or `None` when it was dropped because the consumer wants to be elsewhere.
async fn unless_superseded<T>(shared: &Shared, cancellable: bool, call: BoxFuture<'_, T>) -> Option<T> {
    if !cancellable {
        return Some(call.await);
    }
    let superseded = async {
        while !shared.is_redirected() {
            shared.woken().await;
        }
    };
    tokio::select! {
        biased;
        () = superseded => None,
        outcome = call => Some(outcome),
    }
}

/// Tells the consumer when the task is gone (an origin that panicked, a runtime shut down), so that it never waits for
/// bytes nobody will bring.
struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.task_ended();
    }
}

//! The task that reads ahead.

use std::sync::Arc;

use super::shared::{Shared, Step};
use crate::ByteOrigin;

/// Runs until its reader is dropped, which aborts it.
pub(super) async fn fill(shared: Arc<Shared>, mut origin: Box<dyn ByteOrigin>) {
    let end = EndGuard(shared.clone());
    loop {
        match shared.next_step() {
            Step::Open(offset) => {
                tokio::select! {
                    biased;
                    () = superseded(&shared) => {}
                    opened = origin.open(offset) => shared.publish_opened(offset, opened),
                }
            }
            Step::Read(max) => {
                tokio::select! {
                    biased;
                    () = superseded(&shared) => {}
                    bytes = origin.read(max) => shared.publish_bytes(bytes),
                }
            }
            Step::Wait => shared.woken().await,
            Step::Stop => break,
        }
    }
    drop(end);
}

/// Done when the consumer wants to be elsewhere.
async fn superseded(shared: &Shared) {
    loop {
        shared.woken().await;
        if shared.is_redirected() {
            return;
        }
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

//! The handle of one voice connection.

use std::{sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    counters::VoiceCounters,
    gateway::{
        socket::Socket,
        task::{self, Context, Status},
    },
};

/// Longest a close may take.
const CLOSE_LIMIT: Duration = Duration::from_millis(1500);

/// An open voice connection. Dropping it closes it in the background.
pub struct VoiceConnection {
    status: Arc<Status>,
    close: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl VoiceConnection {
    pub(crate) fn start(context: Context, socket: Socket, status: Arc<Status>) -> Self {
        let (close, closed) = oneshot::channel();
        let task = tokio::spawn(task::run(context, socket, closed));
        Self {
            status,
            close: Some(close),
            task,
        }
    }

    /// Whether the gateway's WebSocket is open now. False while it is being restored and after it was closed.
    pub fn is_open(&self) -> bool {
        self.status.is_open()
    }

    /// Round trip to the voice gateway in milliseconds, 0 until the first heartbeat is answered. Keeps its last value
    /// when the connection is lost.
    pub fn ping_ms(&self) -> i64 {
        self.status.ping_ms()
    }

    /// What was sent and what was not.
    pub fn counters(&self) -> &Arc<VoiceCounters> {
        &self.status.counters
    }

    /// Leaves: silence packets if audio was flowing, "not speaking", close code 1000. Takes 1.5 s at most.
    pub async fn close(mut self) {
        self.close = None;
        if timeout(CLOSE_LIMIT, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.status.set_open(false);
    }
}

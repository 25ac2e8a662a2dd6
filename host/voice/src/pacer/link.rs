//! What a gateway task and a pacer share about one stream.
//!
//! The task posts into a mailbox the pacer only tries to open; the pacer answers with atomics and a waker.

use std::net::UdpSocket;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::{
    counters::VoiceCounters,
    dave::encryptor::FrameEncryptor,
    udp::{crypto::TransportCipher, rtp::RtpStream},
};

/// How the packets of the source are to be protected end to end.
pub(crate) enum Protection {
    /// Not to be sent yet: the source is not asked for this many slots of 20 ms, then as [`Plain`](Self::Plain).
    Hold { slots: u16 },
    /// Sent as they are.
    Plain,
    /// Encrypted with the key of an epoch.
    Sealed(Box<FrameEncryptor>),
}

/// What a stream sends with from its next packet on; the pacer leaves what it had before in the same place.
pub(crate) struct Transport {
    pub(crate) cipher: TransportCipher,
    /// Another socket and stream, when the voice server moved us.
    pub(crate) route: Option<(UdpSocket, RtpStream)>,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At its next slot.
    Now,
    /// After the silence packets that tell receivers the audio is over.
    AfterSilence,
}

/// Orders for a stream not yet seen by its pacer; a later order of a kind replaces the earlier one.
#[derive(Default)]
pub(crate) struct Mail {
    pub(super) protection: Option<Protection>,
    pub(super) transport: Option<Box<Transport>>,
    /// The transport the pacer is done with, left here so that it is freed by the control plane.
    pub(super) retired_transport: Option<Box<Transport>>,
    pub(super) stop: Option<Stop>,
    /// An encryptor the pacer is done with, left here so that it is freed by the control plane.
    pub(super) retired: Option<Box<FrameEncryptor>>,
}

/// Shared between one gateway task and the pacer of its stream.
pub(crate) struct MediaLink {
    mail: Mutex<Mail>,
    unread: AtomicBool,
    pub(crate) speaking: SpeakingSignal,
    pub(crate) counters: Arc<VoiceCounters>,
}

impl MediaLink {
    pub(crate) fn new(counters: Arc<VoiceCounters>) -> Self {
        Self {
            mail: Mutex::default(),
            unread: AtomicBool::new(false),
            speaking: SpeakingSignal::default(),
            counters,
        }
    }

    /// Changes the protection from the stream's next slot on.
    pub(crate) fn protect(&self, protection: Protection) {
        let mut mail = self.mail.lock();
        mail.protection = Some(protection);
        mail.retired = None;
        self.unread.store(true, Ordering::Release);
    }

    /// Changes key or route from the stream's next slot on.
    pub(crate) fn reroute(&self, transport: Box<Transport>) {
        let mut mail = self.mail.lock();
        // A route not taken yet stays the one to take when only the key changes again.
        let mut transport = transport;
        if transport.route.is_none() {
            transport.route = mail.transport.take().and_then(|unread| unread.route);
        }
        mail.transport = Some(transport);
        mail.retired_transport = None;
        self.unread.store(true, Ordering::Release);
    }

    /// Ends the stream.
    pub(crate) fn stop(&self, stop: Stop) {
        let mut mail = self.mail.lock();
        mail.stop = Some(stop);
        self.unread.store(true, Ordering::Release);
    }

    /// The pacer's side: whether there is unread mail.
    pub(super) fn has_mail(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }

    /// The pacer's side: runs `read` when there is unread mail and nobody is writing just now.
    pub(super) fn read_mail(&self, read: impl FnOnce(&mut Mail)) {
        if !self.has_mail() {
            return;
        }
        if let Some(mut mail) = self.mail.try_lock() {
            self.unread.store(false, Ordering::Relaxed);
            read(&mut mail);
        }
    }
}

/// Tells the gateway whether we speak, and the pacer when Discord has been told.
///
/// The lowest bit is the state, the others count changes.
#[derive(Default)]
pub(crate) struct SpeakingSignal {
    wanted: AtomicU32,
    told: AtomicU32,
    waker: AtomicWaker,
}

impl SpeakingSignal {
    /// The pacer's side: asks for `speaking` to be announced.
    pub(super) fn want(&self, speaking: bool) {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if (wanted & 1 == 1) != speaking {
            self.wanted.store(wanted.wrapping_add(1), Ordering::Release);
            self.waker.wake();
        }
    }

    /// The pacer's side: whether the last wish has reached the gateway.
    pub(super) fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire) == self.wanted.load(Ordering::Relaxed)
    }

    /// What is wanted now.
    pub(crate) fn wanted(&self) -> Wish {
        Wish(self.wanted.load(Ordering::Acquire))
    }

    /// Ready while something is wanted that has not been told.
    pub(crate) fn poll_untold(&self, context: &mut Context<'_>) -> Poll<Wish> {
        self.waker.register(context.waker());
        let wanted = self.wanted();
        if wanted.0 == self.told.load(Ordering::Relaxed) {
            Poll::Pending
        } else {
            Poll::Ready(wanted)
        }
    }

    /// Notes that `wish` has been sent to the gateway.
    pub(crate) fn told(&self, wish: Wish) {
        self.told.store(wish.0, Ordering::Release);
    }
}

/// One state of a [`SpeakingSignal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish(u32);

impl Wish {
    /// Whether we are to be shown as speaking.
    pub(crate) fn speaking(self) -> bool {
        self.0 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker_ref;

    #[test]
    fn a_wish_is_pending_until_told() {
        let signal = SpeakingSignal::default();
        let mut context = Context::from_waker(noop_waker_ref());
        assert!(signal.is_told() && signal.poll_untold(&mut context).is_pending());
        signal.want(true);
        signal.want(true);
        assert!(!signal.is_told());
        let Poll::Ready(wish) = signal.poll_untold(&mut context) else {
            panic!("nothing wanted")
        };
        assert!(wish.speaking());
        signal.want(false);
        signal.told(wish);
        assert!(
            !signal.is_told(),
            "a newer wish is not covered by an older announcement"
        );
        signal.told(signal.wanted());
        assert!(signal.is_told() && !signal.wanted().speaking());
    }

    #[test]
    fn mail_is_read_once_and_never_waited_for() {
        let link = MediaLink::new(Arc::default());
        link.protect(Protection::Plain);
        let guard = link.mail.lock();
        link.read_mail(|_| panic!("read while somebody writes"));
        drop(guard);
        let mut reads = 0;
        for _ in 0..2 {
            link.read_mail(|mail| {
                assert!(matches!(mail.protection.take(), Some(Protection::Plain)));
                reads += 1;
            });
        }
        assert_eq!(reads, 1);
    }
}

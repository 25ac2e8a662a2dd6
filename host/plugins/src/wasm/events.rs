//! Listeners of a guest.

use std::sync::Arc;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{Event, EventListener, Failure, Host, Interest};

use super::guest::{Call, Guest};
use super::part::Part;
use crate::GuardLimits;
use crate::extensions::Described;

struct GuestListener {
    interest: Interest,
    part: Part,
}

/// The listeners of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn listeners_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Described<Interest, dyn EventListener>, Failure> {
    let parts = Part::described(guest, limits, "events", |instance| {
        instance.faces.events()?.call_describe(&mut instance.store)
    })?;
    let listeners = parts.into_iter().map(|(interest, part)| {
        let interest: Interest = interest.carry();
        let listener = GuestListener { interest, part };
        (interest, Arc::new(listener) as Arc<dyn EventListener>)
    });
    Ok(listeners.collect())
}

impl EventListener for GuestListener {
    fn interest(&self) -> Interest {
        self.interest
    }

    fn on_event(&self, host: &dyn Host, event: Event) -> Result<(), Failure> {
        let call = Call {
            what: "on_event",
            host: Some(host),
            limit: self.part.limits.event,
        };
        let event = event.carry();
        self.part.guest.call(call, |instance| {
            let events = instance.faces.events()?;
            let answer = events.call_on_event(&mut instance.store, self.part.index, &event)?;
            Ok(answer.carry())
        })
    }
}

//! Audio filters of a guest. Each filter at work has an instance of its own, which ends with it.

use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{AudioFormat, Failure, Filter, FilterFactory, Host};
use wasmtime::component::ResourceAny;

use super::guest::{Call, Guest, Instance};
use super::part::Part;
use crate::GuardLimits;
use crate::extensions::Described;

struct Kind {
    name: String,
    part: Part,
}

/// The kinds of filters of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn filters_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Described<String, dyn FilterFactory>, Failure> {
    let kinds = Part::described(guest, limits, "filters", |instance| {
        instance.faces.filters()?.call_names(&mut instance.store)
    })?;
    let kinds = kinds.into_iter().map(|(name, part)| {
        let kind = Kind {
            name: name.clone(),
            part,
        };
        (name, Arc::new(kind) as Arc<dyn FilterFactory>)
    });
    Ok(kinds.collect())
}

impl FilterFactory for Kind {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn is_enabled(&self, config: &str) -> Result<bool, Failure> {
        let call = Call {
            what: "is_enabled",
            host: None,
            limit: self.part.limits.filter_build,
        };
        self.part.guest.call(call, |instance| {
            let filters = instance.faces.filters()?;
            let answer = filters.call_is_enabled(&mut instance.store, self.part.index, config)?;
            Ok(answer.carry())
        })
    }

    fn build(&self, host: &dyn Host, config: &str, format: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        let call = Call {
            what: "build",
            host: Some(host),
            limit: self.part.limits.filter_build,
        };
        let (mut instance, built) = self.part.guest.take(call, |instance| {
            let filters = instance.faces.filters()?;
            let answer = filters.call_build(&mut instance.store, self.part.index, config, format.carry())?;
            Ok(answer.map_err(Carry::carry))
        })?;
        match built {
            Ok(filter) => {
                self.part.guest.lend_to_audio(&mut instance);
                Ok(Box::new(AtWork {
                    part: self.part.clone(),
                    instance: Some(instance),
                    filter,
                }))
            }
            Err(failure) => {
                self.part.guest.keep(instance);
                Err(failure)
            }
        }
    }
}

/// A filter of one player.
struct AtWork {
    part: Part,
    /// `None` after a call that broke the instance.
    instance: Option<Instance>,
    filter: ResourceAny,
}

impl AtWork {
    fn call<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&mut Instance, ResourceAny) -> wasmtime::Result<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(instance) = self.instance.take() else {
            return Err(Failure::fault("This filter broke off earlier."));
        };
        let call = Call {
            what,
            host: None,
            limit: self.part.limits.filter,
        };
        let filter = self.filter;
        let guest = &self.part.guest;
        let (instance, answer) = guest.run(Some(instance), call, |instance| work(instance, filter))?;
        self.instance = Some(instance);
        answer
    }
}

impl Filter for AtWork {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        *samples = self.call("process", |instance, filter| {
            let face = instance.faces.filters()?.filter();
            Ok(face.call_process(&mut instance.store, filter, samples)?.carry())
        })?;
        Ok(())
    }

    fn seeked(&mut self, position: Duration) -> Result<(), Failure> {
        self.call("seeked", |instance, filter| {
            let face = instance.faces.filters()?.filter();
            Ok(face
                .call_seeked(&mut instance.store, filter, position.carry())?
                .carry())
        })
    }

    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        self.call("flush", |instance, filter| {
            let face = instance.faces.filters()?.filter();
            Ok(face.call_flush(&mut instance.store, filter)?.carry())
        })
    }
}

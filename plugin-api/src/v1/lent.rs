//! A part of a plugin as the host sees it: what the parts of all interfaces share.

use std::sync::Arc;

use abi_stable::std_types::RResult;

use super::abi::{Failure as AbiFailure, HostRef};
use super::contain::{Contained, contained};
use super::cross::Cross;
use super::lent_host;
use crate::{Failure, Host};

/// A part of this plugin whose panics stay on this side.
pub(super) struct Lent<P: ?Sized> {
    /// `The plugin <name>`, for the failure a panic becomes.
    who: String,
    part: Contained<Arc<P>>,
}

impl<P: ?Sized> Lent<P> {
    pub(super) fn new(who: String, part: Arc<P>) -> Self {
        Self {
            who,
            part: Contained::new(part),
        }
    }

    /// Calls the part; `what` is the method's name.
    pub(super) fn call<T: Cross>(
        &self,
        what: &str,
        call: impl FnOnce(&P) -> Result<T, Failure>,
    ) -> RResult<T::Abi, AbiFailure> {
        contained(&self.who, what, || call(&self.part)).out()
    }

    /// The same for a method that may use the host.
    pub(super) fn call_with<T: Cross>(
        &self,
        host: HostRef<'_>,
        what: &str,
        call: impl FnOnce(&P, &dyn Host) -> Result<T, Failure>,
    ) -> RResult<T::Abi, AbiFailure> {
        self.call(what, |part| call(part, &lent_host::Foreign(host)))
    }
}

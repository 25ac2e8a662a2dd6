//! Keeps panics on the side they happen on: one that reached the border would abort the process.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Failure;

/// The text of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without text",
    }
}

/// Runs `call`; a panic becomes a fault of `who`.
pub(crate) fn contained<T>(
    who: &str,
    what: &str,
    call: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic_text(&*panic).to_owned();
        discard(panic);
        Err(Failure::fault(format!("{who} panicked.")).because(format!("`{what}`: {text}")))
    })
}

/// Runs `call`; a panic becomes `otherwise`, for methods that cannot fail.
pub(crate) fn contained_or<T>(otherwise: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        discard(panic);
        otherwise
    })
}

/// Drops the value a panic carries, which may be of any type and so may panic itself; that one is leaked.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

/// A value whose `drop` may panic, but not through the border.
pub(crate) struct Contained<T>(ManuallyDrop<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped or used again, so the value is taken exactly once.
        #[allow(unsafe_code)]
        unsafe {
            ManuallyDrop::take(&mut this.0)
        }
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Contained<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        contained_or((), || {
            // SAFETY: `drop` runs once, and `into_inner` keeps it from running; nothing uses the value afterwards.
            #[allow(unsafe_code)]
            unsafe {
                ManuallyDrop::drop(&mut self.0);
            }
        });
    }
}

//! The component side: what [`crate::export!`] makes of a [`Plugin`] when it is built for WebAssembly.
//!
//! Each interface has a module with the exports of it; a component contains those of the interfaces it offers and no
//! others. Only here does the crate know of the component model; authors see the same traits as for a native library.

mod bindings;
pub mod events;
pub mod filters;
mod host;
pub mod info;
pub mod interceptor;
pub mod lyrics;
mod part;
pub mod probe;
pub mod routes;
pub mod search;
pub mod source;

use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::{Level, Plugin};

pub use host::NodeHost;

/// A plugin in its component: built at the first call of an instance.
pub struct Built {
    name: &'static str,
    offers: &'static [&'static str],
    build: fn() -> Plugin,
    plugin: OnceLock<Plugin>,
}

impl Built {
    /// A plugin that is not built yet.
    pub const fn new(name: &'static str, offers: &'static [&'static str], build: fn() -> Plugin) -> Self {
        Self {
            name,
            offers,
            build,
            plugin: OnceLock::new(),
        }
    }

    /// The plugin.
    ///
    /// # Panics
    /// When it contains something it does not offer; that ends the instance, as any panic does.
    pub fn get(&self) -> &Plugin {
        self.plugin.get_or_init(|| {
            std::panic::set_hook(Box::new(|panic| {
                crate::Host::log(&NodeHost, Level::Error, &panic.to_string());
            }));
            let plugin = (self.build)();
            if let Err(failure) = plugin.check_offers(&format!("The plugin {}", self.name), self.offers) {
                panic!("{failure}");
            }
            plugin
        })
    }
}

/// Where the exports of a component find its plugin. Implemented by [`crate::export!`].
pub trait Exported: 'static {
    /// The plugin.
    fn plugin() -> &'static Plugin;
}

/// What exports the plugin of `T`.
pub struct Glue<T>(PhantomData<T>);

/// Components have no types of an ABI to agree on.
#[doc(hidden)]
#[macro_export]
macro_rules! __abi_field {
    () => {
        ""
    };
}

/// The exports of a plugin built for WebAssembly.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_parts {
    ($name:expr, $build:expr, [$($offer:ident),*]) => {
        const _: () = {
            struct Exported;

            impl $crate::guest::Exported for Exported {
                fn plugin() -> &'static $crate::Plugin {
                    static PLUGIN: $crate::guest::Built =
                        $crate::guest::Built::new($name, &[$(stringify!($offer)),*], $build);
                    PLUGIN.get()
                }
            }

            type Glue = $crate::guest::Glue<Exported>;

            $($crate::__export_interface!(Glue, $offer);)*
        };
    };
}

/// The exports of one interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_interface {
    ($glue:ident, $interface:ident) => {
        // SAFETY: the names and signatures are those of the WIT package, made by its generator of bindings.
        #[allow(unsafe_code, missing_docs, clippy::undocumented_unsafe_blocks)]
        const _: () = {
    $crate::guest::$interface::export_component!($glue with_types_in $crate::guest::$interface);
        };
    };
}

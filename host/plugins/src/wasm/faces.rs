//! The interfaces a component exports, as the node calls them. What is not exported is not there; that is known before any
//! code of the component runs.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::exports::lavalink::plugin::{
    events, filters, info, interceptor, lyrics, probe, routes, search, source,
};
use super::state::State;

macro_rules! faces {
    ($($interface:ident),*) => {
        /// Names of all interfaces of this generation.
        pub(super) const INTERFACES: &[&str] = &[$(stringify!($interface)),*];

        /// Where the functions of the exported interfaces are in a component.
        pub(super) struct Indices {
            $($interface: Option<$interface::GuestIndices>,)*
        }

        /// The functions of the exported interfaces in an instance.
        pub(super) struct Faces {
            $($interface: Option<$interface::Guest>,)*
        }

        impl Indices {
            /// Finds the functions of what is `exported`.
            ///
            /// # Errors
            /// When an interface is not the one of this generation.
            pub(super) fn new(pre: &InstancePre<State>, exported: &[String]) -> wasmtime::Result<Self> {
                let has = |name: &str| exported.iter().any(|exported| exported == name);
                Ok(Self {
                    $($interface: has(stringify!($interface))
                        .then(|| $interface::GuestIndices::new(pre))
                        .transpose()?,)*
                })
            }

            /// The same in an instance.
            pub(super) fn load(
                &self,
                mut store: &mut Store<State>,
                instance: &Instance,
            ) -> wasmtime::Result<Faces> {
                Ok(Faces {
                    $($interface: self
                        .$interface
                        .as_ref()
                        .map(|indices| indices.load(&mut store, instance))
                        .transpose()?,)*
                })
            }
        }

        impl Faces {
            $(
                /// The interface of this name. Asked of components that export it.
                pub(super) fn $interface(&self) -> wasmtime::Result<&$interface::Guest> {
                    let face = self.$interface.as_ref();
                    face.ok_or_else(|| wasmtime::Error::msg(concat!("it has no ", stringify!($interface))))
                }
            )*
        }
    };
}

faces!(
    source,
    filters,
    routes,
    interceptor,
    events,
    info,
    probe,
    search,
    lyrics
);

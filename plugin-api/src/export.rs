//! How a plugin leaves its crate: the manifest, and the macro that makes a library or a component of a [`crate::Plugin`].

/// The manifest as an array, for the section. `N` is its length.
#[doc(hidden)]
pub const fn manifest_bytes<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut array = [0; N];
    let mut at = 0;
    while at < N {
        array[at] = bytes[at];
        at += 1;
    }
    array
}

/// Whether a value of the manifest needs no escaping in JSON.
#[doc(hidden)]
pub const fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] < b' ' || bytes[at] == b'"' || bytes[at] == b'\\' {
            return false;
        }
        at += 1;
    }
    true
}

/// The manifest as JSON text. `$more` are further fields, beginning with a comma.
#[doc(hidden)]
#[macro_export]
macro_rules! __manifest_text {
    ($name:expr, $generations:literal, $more:expr) => {
        concat!(
            "{\"name\":\"",
            $name,
            "\",\"version\":\"",
            env!("CARGO_PKG_VERSION"),
            "\",\"generations\":",
            $generations,
            $crate::__abi_field!(),
            ",\"licence\":\"",
            env!("CARGO_PKG_LICENSE"),
            "\"",
            $more,
            "}"
        )
    };
}

/// Places a manifest in the artefact. Part of [`export!`], apart so that test plugins can lie in it. `$more` are further
/// fields as JSON text that begins with a comma.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_manifest {
    ($name:expr, $generations:literal) => {
        $crate::__export_manifest!($name, $generations, "");
    };
    ($name:expr, $generations:literal, $more:expr) => {
        #[allow(
            unexpected_cfgs,
            reason = "a crate that is never linked into a node has no such feature"
        )]
        const _: () = {
            assert!(
                $crate::export::is_plain($name),
                "the plugin name needs escaping"
            );
            assert!(
                $crate::export::is_plain(env!("CARGO_PKG_VERSION")),
                "the version needs escaping"
            );
            assert!(
                $crate::export::is_plain(env!("CARGO_PKG_LICENSE")),
                "the licence needs escaping"
            );
            const MANIFEST: &str = $crate::__manifest_text!($name, $generations, $more);
            // SAFETY: the section holds nothing but this constant, which has no relocations; no code reads the symbol.
            #[allow(unsafe_code)]
            #[cfg(not(feature = "built-in"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__lavalink_mf"))]
            #[cfg_attr(windows, unsafe(link_section = ".lavalnk"))]
            #[cfg_attr(target_family = "wasm", unsafe(link_section = "lavalink-plugin"))]
            #[cfg_attr(
                not(any(target_vendor = "apple", windows, target_family = "wasm")),
                unsafe(link_section = ".lavalink_manifest")
            )]
            #[cfg_attr(not(target_family = "wasm"), unsafe(export_name = "lavalink_manifest"))]
            #[used]
            static LAVALINK_MANIFEST: [u8; MANIFEST.len()] = $crate::export::manifest_bytes(MANIFEST);
        };
    };
}

/// The fields of a manifest that say what the plugin wants.
#[doc(hidden)]
#[macro_export]
macro_rules! __wishes {
    ($(hosts = [$first:literal $(, $host:literal)*])? $(memory = $memory:literal)? $(settings = $settings:expr)?) => {
        concat!(
            $(",\"hosts\":[\"", $first, "\"", $(",\"", $host, "\"",)* "]",)?
            $(",\"memory\":", $memory,)?
            $(",\"configSchema\":", $settings,)?
        )
    };
    (hosts = [] $(memory = $memory:literal)? $(settings = $settings:expr)?) => {
        concat!(",\"hosts\":[]", $(",\"memory\":", $memory,)? $(",\"configSchema\":", $settings)?)
    };
}

/// Exports a [`Plugin`](crate::Plugin): `export!(build, offers = [source, filters])`, where `build` is a function without
/// arguments that makes it; of a single source `|| Plugin::new().source(MySource)`. Built for WebAssembly, the crate becomes the core of a component (`lavalink-rust plugin build`
/// makes the rest); built for anything else, a library; linked into a node as an ordinary crate whose feature `built-in` is on,
/// which leaves the symbols of a library out, it is found by `built_in()`.
///
/// - `name = "my-plugin"`, before `offers`: what the plugin is called, and its configuration `plugins.<name>`; the package's
///   name unless given.
/// - `offers` names the interfaces of what the plugin contains: `source`, `filters`, `routes`, `interceptor`, `events`,
///   `info`, `probe`, `search`, `lyrics`. One that contains more is refused when it is loaded.
/// - `hosts = ["api.example.org", "*.example.net"]`, behind `offers`: what a component may reach with `Host::fetch`; nothing
///   unless given.
/// - `memory = 128`, behind that: MiB an instance of a component needs; 64 unless given.
/// - `settings = include_str!("../settings.schema.json")`, last: a JSON Schema, as JSON text. Settings that do not fit keep the
///   plugin from being loaded.
///
/// Version and licence come from Cargo.toml. Panics of a library become faults as long as it is built with `panic =
/// "unwind"`. One call per crate.
#[macro_export]
macro_rules! export {
    ($build:expr, offers = $offers:tt $($wishes:tt)*) => {
        $crate::export!($build, name = env!("CARGO_PKG_NAME"), offers = $offers $($wishes)*);
    };
    (
        $build:expr, name = $name:expr, offers = [$($offer:ident),* $(,)?]
        $(, hosts = [$($host:literal),* $(,)?])? $(, memory = $memory:literal)?
        $(, settings = $settings:expr)? $(,)?
    ) => {
        $crate::__export_manifest!(
            $name,
            "[1]",
            $crate::__wishes!($(hosts = [$($host),*])? $(memory = $memory)? $(settings = $settings)?)
        );
        $($(const _: () = assert!($crate::export::is_plain($host), "a host needs escaping");)*)?
        $crate::__export_parts!($name, $build, [$($offer),*]);

        /// The plugin, for a program it is linked into.
        #[allow(dead_code, reason = "only a program it is linked into asks for it")]
        pub fn built_in() -> $crate::BuiltIn {
            const MANIFEST: &str = $crate::__manifest_text!(
                $name,
                "[1]",
                $crate::__wishes!($(hosts = [$($host),*])? $(memory = $memory)? $(settings = $settings)?)
            );
            $crate::BuiltIn {
                manifest: MANIFEST,
                offers: &[$(stringify!($offer)),*],
                build: $build,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn wishes_are_fields_of_the_manifest() {
        assert_eq!(__wishes!(), "");
        assert_eq!(
            __wishes!(hosts = ["a.test", "*.b.test"] memory = 128 settings = r#"{"type":"object"}"#),
            r#","hosts":["a.test","*.b.test"],"memory":128,"configSchema":{"type":"object"}"#
        );
        assert_eq!(
            __wishes!(hosts = [] settings = "{}"),
            r#","hosts":[],"configSchema":{}"#
        );
        assert_eq!(__wishes!(settings = "{}"), r#","configSchema":{}"#);
    }
}

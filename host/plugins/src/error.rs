//! Why a file did not become a plugin.

use std::path::PathBuf;
use std::time::Duration;

use lavalink_plugin_api::Failure;

use crate::PluginInfo;
use crate::admission::Form;
use crate::manifest::ManifestError;

/// What became of one file of a plugin directory.
#[derive(Debug)]
pub struct LoadReport {
    /// The file, or the directory when that itself could not be read.
    pub path: PathBuf,
    /// What it offers, or why it offers nothing.
    pub result: Result<PluginInfo, LoadError>,
}

/// Why a file of a plugin directory was refused. The texts are for the operator: what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file or directory could not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The system gave no thread to start the plugin on.
    #[error("the system has no thread to start it on: {0}")]
    NoThread(#[source] std::io::Error),
    /// Nothing in it.
    #[error("the file is empty, probably a broken download; fetch it again")]
    Empty,
    /// A plugin of Java Lavalink.
    #[error("this is {what}")]
    JavaArchive {
        /// Which, and what there is instead.
        what: String,
    },
    /// A WebAssembly plugin.
    #[error(
        "this build of the node does not run WebAssembly plugins; install the native build of the plugin"
    )]
    WebAssembly,
    /// A component compiled to machine code, which the node only runs when it made it itself.
    #[error(
        "this is a WebAssembly plugin compiled to machine code, which is never loaded; install the .wasm file"
    )]
    Precompiled,
    /// The manifest is absent or broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The operator's settings keep it out.
    #[error("plugin {plugin} is not admitted: {reason}")]
    NotAdmitted {
        /// Name in the manifest.
        plugin: String,
        /// Why, and what can be done.
        reason: String,
    },
    /// A WebAssembly component the node cannot run.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// No interface generation is spoken by both sides.
    #[error(
        "plugin {plugin} is built for interface generation {}, this node speaks generation {}; {}",
        list(.found), list(.spoken), advice(.found, .spoken)
    )]
    WrongGeneration {
        /// Name in the manifest.
        plugin: String,
        /// Generations the plugin offers.
        found: Vec<u32>,
        /// Generations this node speaks.
        spoken: Vec<u32>,
    },
    /// Built with another release line of the type vocabulary.
    #[error(
        "plugin {plugin} uses the binary vocabulary \"{found}\", this node \"{spoken}\"; rebuild the plugin against this node's lavalink-plugin-api"
    )]
    WrongVocabulary {
        /// Name in the manifest.
        plugin: String,
        /// What the plugin was built with.
        found: String,
        /// What this node was built with.
        spoken: String,
    },
    /// The system's loader refused the file.
    #[error("the system cannot load it: {0}; it may be built for another system or lack a library")]
    Open(#[source] libloading::Error),
    /// The manifest promises an interface that is not there.
    #[error(
        "plugin {plugin} says it offers generation {generation} but has no symbol `{symbol}`; rebuild it with export!"
    )]
    MissingSymbol {
        /// Name in the manifest.
        plugin: String,
        /// The generation promised.
        generation: u32,
        /// The symbol looked for.
        symbol: &'static str,
    },
    /// The types of the interface differ.
    #[error(
        "the types of plugin {plugin} differ from this node's generation {generation}: {difference}; rebuild the plugin against this node's lavalink-plugin-api"
    )]
    Layout {
        /// Name in the manifest.
        plugin: String,
        /// The generation compared.
        generation: u32,
        /// First lines of the comparison.
        difference: String,
    },
    /// The plugin's constructor failed or panicked.
    #[error("plugin {plugin} could not start: {failure}")]
    Start {
        /// Name in the manifest.
        plugin: String,
        /// What it said.
        failure: Failure,
    },
    /// Loading did not come to an end.
    #[error("plugin {plugin} did not finish starting within {} s, or panicked while it did; it is left alone", .limit.as_secs_f32())]
    StartDeadline {
        /// Name in the manifest.
        plugin: String,
        /// The limit it passed.
        limit: Duration,
    },
    /// A plugin of that name is there, and one of the two is native.
    #[error(
        "plugin {plugin} is loaded already and is {form}, which cannot be exchanged while the node runs; restart the node"
    )]
    AlreadyLoaded {
        /// Name in the manifest.
        plugin: String,
        /// What the loaded one is made of.
        form: Form,
    },
    /// A plugin of that name is loaded from another file.
    #[error("plugin {plugin} is loaded from {} already; remove one of the two files", by.display())]
    NameTaken {
        /// Name in the manifest.
        plugin: String,
        /// The other file.
        by: PathBuf,
    },
    /// Nothing of that name is loaded, so there is nothing to exchange.
    #[error(
        "no plugin {plugin} is loaded; restart the node to load a plugin that was not there at its start"
    )]
    Unknown {
        /// Name in the manifest.
        plugin: String,
    },
    /// Another plugin offers a source of that name already.
    #[error(
        "source {source_name} of plugin {plugin} is already provided by {first}; remove one of the two files"
    )]
    DuplicateSource {
        /// Name in the manifest.
        plugin: String,
        /// The source both offer.
        source_name: String,
        /// The plugin that keeps it.
        first: String,
    },
}

/// Why a `.wasm` file is no plugin of this node.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// More bytes than any plugin has.
    #[error("the file is larger than {} MiB", .limit >> 20)]
    TooLarge {
        /// Most bytes read.
        limit: u64,
    },
    /// Not WebAssembly, or cut off.
    #[error("the file is no WebAssembly component, or a damaged one: {0}; fetch it again")]
    Damaged(String),
    /// A module that was not made a component.
    #[error(
        "the file is a WebAssembly module, not a component; turn it into one with `wasm-tools component new`"
    )]
    CoreModule,
    /// A component that is no plugin.
    #[error(
        "the component has no plugin manifest (custom section `lavalink-plugin`); it is no plugin of this node"
    )]
    NoManifest,
    /// More than one manifest.
    #[error("the component has more than one plugin manifest; build each plugin as a component of its own")]
    ManyManifests,
    /// The manifest is broken.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It wants something that is not lent.
    #[error(
        "plugin {plugin} imports {import}, which this node does not lend; plugins get nothing but lavalink:plugin/host of \
         version 1, so build it without WASI"
    )]
    Import {
        /// Name in the manifest.
        plugin: String,
        /// What it imports.
        import: String,
    },
    /// It offers nothing.
    #[error("plugin {plugin} exports no interface of generation {generation}; rebuild it with export!")]
    NoInterface {
        /// Name in the manifest.
        plugin: String,
        /// The generation looked for.
        generation: u32,
    },
    /// An interface does not look as it should.
    #[error(
        "the interfaces of plugin {plugin} differ from this node's: {difference}; rebuild it against this node's plugin-api/wit"
    )]
    Shape {
        /// Name in the manifest.
        plugin: String,
        /// What differs first.
        difference: String,
    },
    /// The compiler refused it.
    #[error("plugin {plugin} cannot be compiled: {reason}")]
    Compile {
        /// Name in the manifest.
        plugin: String,
        /// What the compiler says.
        reason: String,
    },
    /// The compiler takes too long.
    #[error(
        "plugin {plugin} was not compiled within {} s; that goes on in the background and is kept where lavalink.pluginsDataDir \
         can be written, so restart the node later",
        .limit.as_secs()
    )]
    CompileDeadline {
        /// Name in the manifest.
        plugin: String,
        /// The limit it passed.
        limit: Duration,
    },
    /// The system lacks what the sandbox needs.
    #[error("the WebAssembly engine cannot be started on this system: {0}")]
    Engine(String),
}

impl LoadError {
    /// Name of the plugin in the file's manifest, where it was read.
    pub fn plugin(&self) -> Option<&str> {
        match self {
            Self::NotAdmitted { plugin, .. }
            | Self::WrongGeneration { plugin, .. }
            | Self::WrongVocabulary { plugin, .. }
            | Self::MissingSymbol { plugin, .. }
            | Self::Layout { plugin, .. }
            | Self::Start { plugin, .. }
            | Self::StartDeadline { plugin, .. }
            | Self::AlreadyLoaded { plugin, .. }
            | Self::NameTaken { plugin, .. }
            | Self::Unknown { plugin }
            | Self::DuplicateSource { plugin, .. } => Some(plugin),
            Self::Component(error) => error.plugin(),
            Self::Unreadable(_)
            | Self::NoThread(_)
            | Self::Empty
            | Self::JavaArchive { .. }
            | Self::WebAssembly
            | Self::Precompiled
            | Self::Manifest(_)
            | Self::Open(_) => None,
        }
    }
}

impl ComponentError {
    fn plugin(&self) -> Option<&str> {
        match self {
            Self::Import { plugin, .. }
            | Self::NoInterface { plugin, .. }
            | Self::Shape { plugin, .. }
            | Self::Compile { plugin, .. }
            | Self::CompileDeadline { plugin, .. } => Some(plugin),
            Self::TooLarge { .. }
            | Self::Damaged(_)
            | Self::CoreModule
            | Self::NoManifest
            | Self::ManyManifests
            | Self::Manifest(_)
            | Self::Engine(_) => None,
        }
    }
}

fn list(generations: &[u32]) -> String {
    if generations.is_empty() {
        return "none".to_owned();
    }
    generations
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn advice(found: &[u32], spoken: &[u32]) -> &'static str {
    if found.iter().min() > spoken.iter().max() {
        "update the node, or install an older build of the plugin"
    } else {
        "install a newer build of the plugin"
    }
}

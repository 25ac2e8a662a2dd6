//! WebAssembly plugins written as text, so that tests of the loader need no compiler for guests.
//!
//! [`PARROT`] is a source that does what the identifier says, good and evil. The functions here make components of it: real
//! ones, of the world in `plugin-api/wit`, with whatever manifest a test wants.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The source that does what it is told, as a core module: see the comments in it.
pub const PARROT: &str = include_str!("parrot.wat");

/// Name of the custom section with the manifest.
pub const SECTION: &str = "lavalink-plugin";

/// A manifest as the export macro writes it.
pub fn manifest(name: &str) -> String {
    format!(r#"{{"name":"{name}","version":"1.0.0","generations":[1],"licence":"MIT","hosts":["*"]}}"#)
}

/// The parrot under a name, ready to be written into a plugin directory.
pub fn parrot(name: &str) -> Vec<u8> {
    component(&PARROT.replace("SOURCE_NAME", name), Some(&manifest(name)))
}

/// Where [`jukebox`] has its audio: a page of WebAssembly's memory behind what the parrot has.
const AUDIO_AT: usize = PAGE;

/// Bytes of a page of WebAssembly's memory.
const PAGE: usize = 65_536;

/// A parrot in some version whose streams are these bytes, which are Ogg.
///
/// # Panics
/// When the parrot is another than this function knows.
pub fn jukebox(name: &str, version: &str, audio: &[u8]) -> Vec<u8> {
    let heap = (AUDIO_AT + audio.len()).next_multiple_of(PAGE);
    let text: String = audio.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let module = changed(
        &PARROT.replace("SOURCE_NAME", name),
        &[
            (
                "(memory (export \"memory\") 4)",
                format!("(memory (export \"memory\") {})", heap / PAGE + 4),
            ),
            (
                "(mut i32) (i32.const 65536)",
                format!("(mut i32) (i32.const {heap})"),
            ),
            (
                "(global.set $heap (i32.const 131072))",
                format!("(global.set $heap (i32.const {}))", heap + PAGE),
            ),
            ("\"wav\"", "\"ogg\"".to_owned()),
            ("(i64.const 960044)", format!("(i64.const {})", audio.len())),
            (
                "(func $byte (param $at i64) (result i32)",
                format!(
                    "(data (i32.const {AUDIO_AT}) \"{text}\")
                     (func $byte (param $at i64) (result i32)
                       (i32.load8_u (i32.add (i32.const {AUDIO_AT}) (i32.wrap_i64 (local.get $at)))))
                     (func $square (param $at i64) (result i32)"
                ),
            ),
        ],
    );
    component(&module, Some(&manifest(name).replace("1.0.0", version)))
}

/// A parrot in some version that fails every second look-up.
///
/// # Panics
/// As [`jukebox`].
pub fn half_broken(name: &str, version: &str) -> Vec<u8> {
    let module = changed(
        &PARROT.replace("SOURCE_NAME", name),
        &[(
            ";; t\n",
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (if (i32.and (global.get $calls) (i32.const 1)) (then (call $fail (local.get $a)) (return (local.get $a))))\n"
                .to_owned(),
        ), (
            "(global $at (mut i64)",
            "(global $calls (mut i32) (i32.const 0))\n(global $at (mut i64)".to_owned(),
        )],
    );
    component(&module, Some(&manifest(name).replace("1.0.0", version)))
}

fn changed(module: &str, changes: &[(&str, String)]) -> String {
    changes.iter().fold(module.to_owned(), |module, (from, to)| {
        assert!(module.contains(from), "the parrot has {from}");
        module.replace(from, to)
    })
}

/// Makes a component of the world `source-plugin` from a core module as text, with a manifest where one is given.
///
/// # Panics
/// When the text is no module of that world: a mistake of the test.
pub fn component(module: &str, manifest: Option<&str>) -> Vec<u8> {
    let mut module = wat::parse_str(module).expect("a module");
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-api/wit");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).expect("the WIT package");
    let world = resolve
        .select_world(&[package], Some("source-plugin"))
        .expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let mut component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .expect("a module of the world")
        .encode()
        .expect("a component");
    if let Some(manifest) = manifest {
        append_section(&mut component, manifest.as_bytes());
    }
    component
}

/// Appends a manifest section.
pub fn append_section(component: &mut Vec<u8>, data: &[u8]) {
    let mut content = leb128(SECTION.len());
    content.extend(SECTION.as_bytes());
    content.extend(data);
    component.push(0);
    component.extend(leb128(content.len()));
    component.extend(content);
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

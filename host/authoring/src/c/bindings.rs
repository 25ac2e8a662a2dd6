//! The contract as C sees it: `plugin.h`, the file of C behind it, and an object file that describes the component.

use std::path::Path;

use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId, WorldKey};

use crate::AuthoringError;

/// The contract.
const WIT: &str = include_str!("../../../../plugin-api/wit/lavalink-plugin.wit");

/// Name of the world of the plugin that is built.
const WORLD: &str = "this-plugin";

/// What the files and the types of the plugin as a whole are called.
const PREFIX: &str = "plugin";

/// Writes the bindings for a plugin that offers these interfaces into a folder.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(offers: &[String], folder: &Path) -> Result<(), AuthoringError> {
    for (name, content) in generate(offers)?.iter() {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(AuthoringError::file("write", &path))?;
    }
    Ok(())
}

fn generate(offers: &[String]) -> Result<Files, AuthoringError> {
    let unfit = |error: &dyn std::fmt::Display| AuthoringError::Bindings(format!("{error:#}"));
    let exports: String = offers.iter().map(|offer| format!("export {offer};\n")).collect();
    let text = format!("{WIT}\nworld {WORLD} {{\nimport host;\n{exports}}}\n");
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("lavalink-plugin.wit", &text)
        .map_err(|error| unfit(&error))?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .map_err(|error| unfit(&error))?;
    let options = Opts {
        rename: short_names(&resolve, world),
        rename_world: Some(PREFIX.to_owned()),
        ..Opts::default()
    };
    let mut files = Files::default();
    options
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|error| unfit(&error))?;
    Ok(files)
}

/// Names without that of the package, which would stand in every line: `host_log`, not `lavalink_plugin_host_log`.
fn short_names(resolve: &Resolve, world: WorldId) -> Vec<(String, String)> {
    let world = &resolve.worlds[world];
    let interfaces = world.imports.keys().chain(world.exports.keys());
    interfaces
        .filter_map(|key| match key {
            WorldKey::Interface(id) => {
                let name = resolve.interfaces[*id].name.clone()?;
                Some((resolve.name_world_key(key), name))
            }
            WorldKey::Name(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::project::OFFERS;
    use super::*;

    fn header(offers: &[&str]) -> String {
        let offers: Vec<String> = offers.iter().map(|offer| (*offer).to_owned()).collect();
        let files = generate(&offers).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["plugin.c", "plugin.h", "plugin_component_type.o"]);
        let (_, header) = files.iter().find(|(name, _)| *name == "plugin.h").unwrap();
        String::from_utf8(header.to_vec()).unwrap()
    }

    #[test]
    fn has_what_is_offered_and_nothing_else() {
        let source = header(&["source"]);
        for name in ["exports_source_load(", "host_fetch(", "types_failure_t"] {
            assert!(source.contains(name), "{name} in\n{source}");
        }
        assert!(!source.contains("exports_filters") && !source.contains("lavalink_plugin"));
        let all = header(&OFFERS);
        for offer in OFFERS {
            assert!(all.contains(&format!("exports_{offer}_")), "{offer}");
        }
    }
}

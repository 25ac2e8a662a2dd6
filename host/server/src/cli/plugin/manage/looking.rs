//! What is there, without the network and without running any plugin.

use std::path::{Path, PathBuf};

use lavalink_plugins::{Inspected, inspect};
use lavalink_supply::{Declared, Supply};

use super::Outcome;
use crate::config::Config;
use crate::plugin_host::check_settings;
use crate::provision;
use crate::start;

/// Digits of a hash that are shown in the list.
const SHORT: usize = 12;

/// A plugin, and what its file says.
struct Found {
    origin: String,
    file: Result<Inspected, String>,
}

/// All plugins, one a line.
pub fn list(config: &Config) -> Outcome {
    let mut text = String::new();
    for Found { origin, file } in all(config) {
        let line = match file {
            Ok(file) => format!(
                "{} {}  {}  {origin}  sha256 {}…\n",
                file.manifest.name,
                file.manifest.version,
                file.form,
                file.sha256.to_string().chars().take(SHORT).collect::<String>()
            ),
            Err(reason) => format!("-  {origin}  {reason}\n"),
        };
        text.push_str(&line);
    }
    if text.is_empty() {
        text.push_str("There are no plugins.\n");
    }
    Outcome { text, is_bad: false }
}

/// All plugins, and whether something is wrong with one.
pub fn verify(config: &Config) -> Outcome {
    let mut bad = 0;
    let mut text = String::new();
    for Found { origin, file } in all(config) {
        let fit = file.and_then(|file| check_settings(config, &file.manifest).map(|()| file));
        match fit {
            Ok(file) => text.push_str(&format!(
                "ok   {} {}  {origin}  {}\n",
                file.manifest.name, file.manifest.version, file.sha256
            )),
            Err(reason) => {
                bad += 1;
                text.push_str(&format!("BAD  {origin}  {reason}\n"));
            }
        }
    }
    text.push_str(&format!("\n{bad} bad\n"));
    Outcome {
        text,
        is_bad: bad > 0,
    }
}

/// Plugins whose settings keep them from being loaded, and why, a line each.
pub fn unfit_settings(config: &Config) -> Vec<String> {
    let unfit = all(config).into_iter().filter_map(|Found { origin, file }| {
        let manifest = file.ok()?.manifest;
        let reason = check_settings(config, &manifest).err()?;
        Some(format!(
            "plugin {} ({origin}) will not be loaded: {reason}",
            manifest.name
        ))
    });
    unfit.collect()
}

/// The plugins of the directories, and those that are declared.
fn all(config: &Config) -> Vec<Found> {
    let declared = &config.plugin_supply.declared;
    let supply = provision::supply(config, declared);
    let directories = start::plugin_directories(config);
    let mut found: Vec<Found> = directories
        .iter()
        .flat_map(|directory| files_of(directory))
        .collect();
    found.extend(declared.iter().map(|declared| Found {
        origin: declared.key(),
        file: at_hand(&supply, declared),
    }));
    found
}

fn at_hand(supply: &Supply, declared: &Declared) -> Result<Inspected, String> {
    match supply.at_hand(declared) {
        Ok(Some(resolved)) => inspect(&resolved.path).map_err(|error| error.to_string()),
        Ok(None) => Err("is not in the cache; `lavalink-rust plugin update` fetches it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Files that look like plugins, sorted by name.
fn files_of(directory: &Path) -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_plugin = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("so" | "dylib" | "dll" | "wasm" | "cwasm" | "jar")) && path.is_file()
    };
    paths
        .into_iter()
        .filter(is_plugin)
        .map(|path| Found {
            origin: path.display().to_string(),
            file: inspect(&path).map_err(|error| error.to_string()),
        })
        .collect()
}

//! The commands that fetch.

use std::collections::HashSet;
use std::fmt::Write as _;

use lavalink_plugins::{Sha256, inspect};
use lavalink_supply::{Coordinates, Declared, Refresh, Supply, Wanted};
use serde_json::{Map, Value};

use super::{Addition, ManageError, Outcome, writing};
use crate::config::Config;
use crate::provision;

/// Fetches one plugin and declares it.
pub async fn add(config: &Config, addition: &Addition) -> Result<Outcome, ManageError> {
    let kind = kind_of(&addition.what);
    let mut item = Map::new();
    item.insert(kind.to_owned(), addition.what.clone().into());
    if let Some(repository) = &addition.repository {
        item.insert("repository".to_owned(), repository.clone().into());
    }
    if addition.is_snapshot {
        item.insert("snapshot".to_owned(), true.into());
    }
    if let Some(sha256) = &addition.sha256 {
        item.insert("sha256".to_owned(), sha256.clone().into());
    }
    let declared = config
        .plugin_supply
        .declare(Value::Object(item.clone()))
        .map_err(ManageError::Declaration)?;
    let supply = provision::supply(config, std::slice::from_ref(&declared));
    let resolved = supply.obtain(&declared, Refresh::No).await?;
    let file = inspect(&resolved.path).map_err(|error| ManageError::NoPlugin {
        from: resolved.from.clone(),
        error,
    })?;
    // A snapshot changes; a hash would keep it from doing so.
    if !declared.is_snapshot {
        item.insert("sha256".to_owned(), file.sha256.to_string().into());
    }
    let manifest = &file.manifest;
    let hosts = match &manifest.hosts {
        None => "names none".to_owned(),
        Some(hosts) if hosts.is_empty() => "none".to_owned(),
        Some(hosts) => hosts.join(", "),
    };
    let licence = match manifest.licence.as_str() {
        "" => "names none",
        licence => licence,
    };
    let mut text = format!(
        "{} {} ({}) from {}\nlicence: {licence}\nhosts it wants to reach: {hosts}\n\n",
        manifest.name, manifest.version, file.form, resolved.from
    );
    if config
        .plugin_supply
        .declared
        .iter()
        .any(|known| known.key() == declared.key())
    {
        text.push_str("lavalink.plugins has it already.\n");
        return Ok(Outcome { text, is_bad: false });
    }
    let written = match addition.is_shown_only {
        true => Err("as asked for, nothing was written".to_owned()),
        false => writing::write(config, &item),
    };
    match written {
        Ok(path) => {
            // Writing to a String cannot fail.
            let _infallible = writeln!(text, "Written into {path}; the node takes it at its next start.");
        }
        Err(reason) => {
            let _infallible = writeln!(
                text,
                "Write this below `plugins:` of `lavalink:` in application.yml ({reason}):\n"
            );
            for (index, (name, value)) in item.iter().enumerate() {
                let start = if index == 0 { "    - " } else { "      " };
                // JSON values are YAML values.
                let _infallible = writeln!(text, "{start}{name}: {value}");
            }
        }
    }
    Ok(Outcome { text, is_bad: false })
}

/// How a declaration of this is called.
fn kind_of(what: &str) -> &'static str {
    if what.starts_with("http://") || what.starts_with("https://") {
        "url"
    } else if what.parse::<Coordinates>().is_ok() {
        "dependency"
    } else {
        "path"
    }
}

/// Fetches what is declared again.
pub async fn update(config: &Config, names: &[String]) -> Result<Outcome, ManageError> {
    let declared = &config.plugin_supply.declared;
    if let Some(unknown) = names
        .iter()
        .find(|name| !declared.iter().any(|one| is_called(one, name)))
    {
        return Err(ManageError::NotDeclared(unknown.clone()));
    }
    let supply = provision::supply(config, declared);
    let mut text = String::new();
    let mut is_bad = false;
    let is_meant =
        |declared: &&Declared| names.is_empty() || names.iter().any(|name| is_called(declared, name));
    for declared in declared.iter().filter(is_meant) {
        let key = declared.key();
        if let Wanted::File(_) = declared.wanted {
            let _infallible = writeln!(text, "{key}: a file of this machine, there is nothing to fetch");
            continue;
        }
        let before = supply.with_lock(|lock| lock.get(&key).map(|locked| locked.sha256));
        let outcome = match supply.obtain(declared, Refresh::Yes).await {
            Ok(resolved) if before == Some(resolved.sha256) => "unchanged".to_owned(),
            Ok(resolved) => format!("is now the file with the SHA-256 {}", resolved.sha256),
            Err(error) => {
                is_bad = true;
                format!("FAILED: {error}")
            }
        };
        let _infallible = writeln!(text, "{key}: {outcome}");
        // A hint; that it cannot be had is no failure.
        if let Ok(Some(newer)) = supply.newer(declared).await {
            let _infallible = writeln!(
                text,
                "{key}: there is a version {newer}; write it into application.yml to have it"
            );
        }
    }
    clear(&supply, declared, &mut text)?;
    text.push_str("A running node takes what changed with `lavalink-rust plugin reload NAME`, or when it is restarted.\n");
    Ok(Outcome { text, is_bad })
}

/// Whether an operator may mean this plugin by the name.
fn is_called(declared: &Declared, name: &str) -> bool {
    let is_artifact = match &declared.wanted {
        Wanted::Dependency { coordinates, .. } => coordinates.artifact == name,
        Wanted::Url(_) | Wanted::File(_) => false,
    };
    is_artifact || declared.key() == name
}

/// Takes what nobody declares out of the lock file and the cache.
fn clear(supply: &Supply, declared: &[Declared], text: &mut String) -> Result<(), ManageError> {
    let keys: HashSet<String> = declared.iter().map(Declared::key).collect();
    let gone = supply
        .with_lock(|lock| {
            let path = lock.path().display().to_string();
            lock.retain(|plugin| keys.contains(plugin))
                .map_err(|error| (path, error))
        })
        .map_err(|(what, error)| ManageError::Write { what, error })?;
    for plugin in gone {
        let _infallible = writeln!(
            text,
            "{plugin}: nobody declares it any more; it is taken out of the lock file"
        );
    }
    let mut kept: HashSet<Sha256> = declared.iter().filter_map(|declared| declared.sha256).collect();
    supply.with_lock(|lock| kept.extend(lock.entries().iter().map(|locked| locked.sha256)));
    let removed = supply
        .store()
        .retain(|sha256| kept.contains(&sha256))
        .map_err(|error| ManageError::Write {
            what: supply.store().folder().display().to_string(),
            error,
        })?;
    if removed > 0 {
        let _infallible = writeln!(text, "Removed from the cache: {removed}");
    }
    Ok(())
}

//! Writes a declaration into the configuration file.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::config::{self, Config};

/// Writes one more item of `lavalink.plugins`; returns the file it is in.
///
/// # Errors
/// Why the operator has to do it. The file is as it was then.
pub fn write(config: &Config, item: &Map<String, Value>) -> Result<String, String> {
    let file = match config.files.as_slice() {
        [file] => file,
        [] => return Err("there is no configuration file yet".to_owned()),
        _ => return Err("the configuration is made of several files".to_owned()),
    };
    let is_yaml = file
        .extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml");
    if !is_yaml {
        return Err(format!("{} is no YAML", file.display()));
    }
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let amended = config::with_plugin(&text, item).ok_or_else(|| {
        format!(
            "{} is written in a way that is better changed by hand",
            file.display()
        )
    })?;
    replace(file, &amended).map_err(failed)?;
    Ok(file.display().to_string())
}

/// Puts the text in the place of the file, whole or not at all, with the rights the file has.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let file = file.canonicalize()?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file()
        .set_permissions(std::fs::metadata(&file)?.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&file)?;
    Ok(())
}

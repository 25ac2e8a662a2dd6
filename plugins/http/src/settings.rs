//! `plugins.http` of the configuration.

use lavalink_plugin_api::{Failure, Host, Route};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
struct Settings {
    /// Whether the addresses users give are fetched over the route planner's addresses, like those of other sources. As in
    /// Java Lavalink they are not by default: whoever names a server of his own would learn all addresses of the node.
    #[serde(default, rename = "useRoutePlanner", alias = "use-route-planner")]
    use_route_planner: bool,
}

/// The route of this source's requests.
///
/// # Errors
/// When the configuration cannot be understood.
pub(crate) fn route(host: &dyn Host) -> Result<Route, Failure> {
    let settings: Settings = serde_json::from_str(&host.config()).map_err(|error| {
        Failure::fault(
            "The configuration `plugins.http` cannot be understood; `useRoutePlanner` is true or false.",
        )
        .because(error)
    })?;
    Ok(if settings.use_route_planner {
        Route::Planned
    } else {
        Route::Direct
    })
}

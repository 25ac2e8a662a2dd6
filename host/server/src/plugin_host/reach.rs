//! How the host of a plugin's call reaches the node that is built around the plugins.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use lavalink_plugin_api::{Failure, Loaded, SessionRef};
use lavalink_plugins::{Item, Resolution};
use lavalink_protocol::ids::GuildId;
use lavalink_protocol::json::{self, JsonObject};
use lavalink_protocol::update::PlayerUpdate;

use crate::node::Node;
use crate::player::{MarkerRefused, PlayerHandle};
use crate::rest;

tokio::task_local! {
    /// How many plugins stand between this look-up and the client that asked.
    static DEPTH: usize;
}

/// Most plugins that may load through each other for one look-up.
const MAX_DEPTH: usize = 4;

/// How many plugins stand between the present look-up and whoever asked first.
pub fn depth() -> usize {
    DEPTH.try_with(|depth| *depth).unwrap_or(0)
}

/// The node, once it is there.
#[derive(Clone, Default)]
pub struct Reach(Arc<OnceLock<Weak<Node>>>);

impl Reach {
    /// The node is built.
    pub fn set(&self, node: &Arc<Node>) {
        // Set once, by whoever builds the node.
        let _once = self.0.set(Arc::downgrade(node));
    }

    /// The node.
    ///
    /// # Errors
    /// While it starts or ends.
    pub fn node(&self) -> Result<Arc<Node>, Failure> {
        self.0.get().and_then(Weak::upgrade).ok_or_else(|| {
            Failure::common("The node is not serving.").because("it is starting, or shutting down")
        })
    }
}

/// Looks an identifier up for a plugin that is asked at this depth.
///
/// # Errors
/// That of the look-up; when too many plugins load through each other.
pub async fn load(node: &Node, depth: usize, identifier: &str) -> Result<(String, Loaded), Failure> {
    if depth >= MAX_DEPTH {
        return Err(
            Failure::fault("Plugins load through each other without end.").because(format!(
                "{depth} of them stand between {identifier:?} and the client"
            )),
        );
    }
    let found = node.services.plugins.load_identifier(identifier);
    let Resolution { source, item } = DEPTH.scope(depth + 1, found).await?;
    let loaded = match item {
        Item::Track(track) => Loaded::Track(track),
        Item::Playlist(playlist) => Loaded::Playlist(playlist),
        Item::Search(tracks) => Loaded::Search(tracks),
        Item::Empty => Loaded::Nothing,
    };
    Ok((source, loaded))
}

/// The sessions, connected and waiting.
pub fn sessions(node: &Node) -> Vec<SessionRef> {
    node.registry
        .all()
        .iter()
        .map(|session| session.to_plugin())
        .collect()
}

/// Sends a client a message a plugin has written.
///
/// # Errors
/// When there is no such session, or it is no JSON object.
pub fn send(node: &Node, session_id: &str, message: &str) -> Result<(), Failure> {
    let session = node.registry.find(session_id).ok_or_else(no_session)?;
    let object = JsonObject::parse(message)
        .map_err(|error| Failure::fault("The message is no JSON object.").because(error))?;
    session.outbox.send_text(object.as_str().to_owned());
    Ok(())
}

/// A player as REST shows it.
pub fn player(node: &Node, session_id: &str, guild_id: u64) -> Option<String> {
    let player = handle(node, session_id, guild_id)?;
    Some(json::to_string(&player.shared().to_wire()))
}

/// Changes a player as a PATCH does.
///
/// # Errors
/// What the PATCH would be refused with.
pub async fn update_player(
    node: &Arc<Node>,
    session_id: &str,
    guild_id: u64,
    update: &str,
) -> Result<String, Failure> {
    let session = node.registry.find(session_id).ok_or_else(no_session)?;
    let update = PlayerUpdate::parse(update.as_bytes())
        .map_err(|error| Failure::fault("The player cannot be changed so.").because(error))?;
    let changed = rest::change_player(node, &session, guild(guild_id), false, &update).await;
    let player = changed.map_err(|error| error.to_failure())?;
    Ok(json::to_string(&player))
}

/// Sets a marker of a plugin.
///
/// # Errors
/// When nothing plays there or the track has too many markers.
pub async fn add_marker(
    node: &Node,
    plugin: &str,
    session_id: &str,
    guild_id: u64,
    position: Duration,
    marker: &str,
) -> Result<(), Failure> {
    let refused = |why: &str| Failure::common("The marker cannot be set.").because(why);
    let player = handle(node, session_id, guild_id).ok_or_else(|| refused("there is no such player"))?;
    match player.add_marker(plugin, marker, position).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(MarkerRefused::NothingPlays)) | Err(_) => Err(refused("nothing plays there")),
        Ok(Err(MarkerRefused::TooMany)) => Err(refused("the track has too many markers")),
    }
}

fn handle(node: &Node, session_id: &str, guild_id: u64) -> Option<PlayerHandle> {
    node.registry.find(session_id)?.player(guild(guild_id))
}

fn guild(id: u64) -> GuildId {
    GuildId(id.cast_signed())
}

fn no_session() -> Failure {
    Failure::common("Session not found")
}

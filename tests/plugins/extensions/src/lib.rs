//! A plugin that offers everything a plugin can, sound and unsound, and keeps a diary of what it was told.

mod filters;
mod finders;
mod rest;
mod source;

use std::time::Duration;

use lavalink_plugin_api::{Event, EventListener, Failure, Host, Interest, Level, Plugin, export};
use parking_lot::Mutex;

/// What happened, in order.
static DIARY: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(what: impl Into<String>) {
    DIARY.lock().push(what.into());
}

/// Does not come back, as a deadlock would. Not for components.
fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The end of a session of this user is never taken note of.
const FORGOTTEN_USER: u64 = 666;

struct Listener;

impl EventListener for Listener {
    fn interest(&self) -> Interest {
        Interest {
            sessions: true,
            messages: true,
            players: true,
            tracks: true,
        }
    }

    fn on_event(&self, host: &dyn Host, event: Event) -> Result<(), Failure> {
        let is_message = matches!(event, Event::MessageOut { .. });
        let line = match event {
            Event::SessionOpen { session, resumed } => {
                format!(
                    "open {} {} {resumed}",
                    session.session_id,
                    session.client_name.unwrap_or_default()
                )
            }
            Event::SessionPaused { session } => format!("paused {}", session.session_id),
            Event::SessionDestroyed { session } if session.user_id == FORGOTTEN_USER => hang(),
            Event::SessionDestroyed { session } => format!("destroyed {}", session.session_id),
            Event::MessageOut { session_id, message } => format!("message {session_id} {message}"),
            Event::NewPlayer { player } => format!("new player {} {}", player.guild_id, player.user_id),
            Event::DestroyPlayer { player } => format!("gone player {}", player.guild_id),
            Event::TrackStart { player, track } => {
                format!(
                    "start {} {} {}",
                    player.guild_id, track.source, track.track.info.title
                )
            }
            Event::TrackEnd {
                player,
                track,
                reason,
            } => format!("end {} {} {reason:?}", player.guild_id, track.track.info.title),
            Event::TrackException { player, failure, .. } => {
                format!("exception {} {failure}", player.guild_id)
            }
            Event::TrackStuck { player, .. } => format!("stuck {}", player.guild_id),
            Event::Marker {
                player,
                marker,
                state,
            } => format!("marker {} {marker} {state:?}", player.guild_id),
        };
        if !is_message {
            host.log(Level::Info, &line);
        }
        note(line);
        Ok(())
    }
}

fn everything() -> Plugin {
    Plugin::new()
        .source(source::Mirror)
        .filter(filters::Gain)
        .filter(filters::Landing)
        .filter(filters::Broken("nan"))
        .filter(filters::Broken("panic"))
        .filter(filters::Broken("hang"))
        .filter(filters::Broken("odd"))
        .filter(filters::Broken("unbuildable"))
        .routes(rest::Desk)
        .interceptor(rest::Doorman)
        .listener(Listener)
        .info_modifier(finders::Modifier)
        .container_probe(finders::Sniffer)
        .search(finders::Catalogue)
        .lyrics(finders::Songbook)
}

export!(
    everything,
    name = "extensions",
    offers = [
        source,
        filters,
        routes,
        interceptor,
        events,
        info,
        probe,
        search,
        lyrics
    ],
    hosts = ["127.0.0.1"],
    settings = include_str!("../settings.schema.json")
);

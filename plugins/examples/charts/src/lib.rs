//! Counts what is played, over restarts: a listener to events and REST endpoints in one plugin.
//!
//! `GET /v4/charts` answers `[{"title", "author", "plays"}]`, most played first; `GET /v4/charts/{limit}` as many of them;
//! `DELETE /v4/charts` forgets everything. A client whose track is the first to be played that often is told with a message
//! `{"op": "event", "type": "ChartTopEvent", "guildId", "title", "plays"}`.

use std::collections::BTreeMap;

use lavalink_plugin_api::{
    Endpoint, Event, EventListener, Failure, Host, Interest, PlayerRef, Plugin, RestError, RestRequest,
    RestResponse, Routes, SourcedTrack, export,
};
use serde_json::{Value, json};

/// Where the counts are kept between calls. A component has several instances, so none of them keeps anything itself.
const KEY: &str = "charts";

/// Most titles that are counted; the rest would not fit into a value.
const MAX_TITLES: usize = 100;

/// Plays by author and title.
#[derive(Default)]
struct Charts(BTreeMap<(String, String), u64>);

impl Charts {
    fn kept(host: &dyn Host) -> Result<Self, Failure> {
        let Some(bytes) = host.store_get(KEY)? else {
            return Ok(Self::default());
        };
        let rows: Vec<((String, String), u64)> = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::fault("The charts cannot be read.").because(error))?;
        Ok(Self(rows.into_iter().collect()))
    }

    fn keep(&self, host: &dyn Host) -> Result<(), Failure> {
        let rows: Vec<_> = self.0.iter().collect();
        host.store_set(KEY, json!(rows).to_string().as_bytes())
    }

    /// Counts a play; the number of them when it is more than any other has.
    fn add(&mut self, SourcedTrack { track, .. }: &SourcedTrack) -> Option<u64> {
        let short = |text: &str| text.chars().take(60).collect::<String>();
        let key = (short(&track.info.author), short(&track.info.title));
        let most = self.0.values().copied().max().unwrap_or_default();
        if self.0.len() >= MAX_TITLES && !self.0.contains_key(&key) {
            return None;
        }
        let plays = self.0.entry(key).or_default();
        *plays += 1;
        (*plays > most).then_some(*plays)
    }

    fn rows(&self, limit: usize) -> Value {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|(_, one), (_, other)| other.cmp(one));
        let rows = rows.into_iter().take(limit);
        rows.map(|((author, title), plays)| json!({"title": title, "author": author, "plays": plays}))
            .collect()
    }
}

struct Counter;

impl EventListener for Counter {
    fn interest(&self) -> Interest {
        Interest {
            tracks: true,
            ..Interest::default()
        }
    }

    fn on_event(&self, host: &dyn Host, event: Event) -> Result<(), Failure> {
        let Event::TrackStart { player, track } = event else {
            return Ok(());
        };
        let mut charts = Charts::kept(host)?;
        let top = charts.add(&track);
        charts.keep(host)?;
        match top {
            Some(plays) => tell(host, &player, &track, plays),
            None => Ok(()),
        }
    }
}

fn tell(host: &dyn Host, player: &PlayerRef, track: &SourcedTrack, plays: u64) -> Result<(), Failure> {
    let message = json!({
        "op": "event",
        "type": "ChartTopEvent",
        "guildId": player.guild_id.to_string(),
        "title": track.track.info.title,
        "plays": plays,
    });
    host.send_event(&player.session_id, &message.to_string())
}

struct Desk;

impl Routes for Desk {
    fn endpoints(&self) -> Vec<Endpoint> {
        let endpoints = [
            ("GET", "/v4/charts"),
            ("GET", "/v4/charts/{limit}"),
            ("DELETE", "/v4/charts"),
        ];
        let endpoints = endpoints.into_iter().map(|(method, path)| Endpoint {
            method: method.to_owned(),
            path: path.to_owned(),
        });
        endpoints.collect()
    }

    fn handle(
        &self,
        host: &dyn Host,
        endpoint: u32,
        request: RestRequest,
    ) -> Result<RestResponse, RestError> {
        if endpoint == 2 {
            host.store_delete(KEY)?;
            return Ok(RestResponse::no_content());
        }
        let limit = match request.parameters.first() {
            Some((_, limit)) => limit
                .parse()
                .map_err(|_| RestError::new(400, format!("{limit:?} is no number")))?,
            None => MAX_TITLES,
        };
        let charts = Charts::kept(host)?;
        Ok(RestResponse::json(charts.rows(limit).to_string()))
    }
}

export!(
    || Plugin::new().listener(Counter).routes(Desk),
    name = "charts",
    offers = [events, routes]
);

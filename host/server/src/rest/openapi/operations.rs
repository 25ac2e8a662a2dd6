//! What each route does, for the document. The routes themselves are in `rest::routes`.

use super::operation::{Answer, Content, Kind, Operation, Parameter};

const SESSION: Parameter = Parameter {
    name: "sessionId",
    place: "path",
    required: true,
    kind: Kind::Text,
    what: "From the `ready` message.",
};
const GUILD: Parameter = Parameter {
    name: "guildId",
    place: "path",
    required: true,
    kind: Kind::Long,
    what: "The guild the player plays in.",
};
const TRACE: Parameter = optional("trace", Kind::Text, "Unless `false`, errors come with a trace.");
const SKIP_OWN: Parameter = optional(
    "skipTrackSource",
    Kind::Switch,
    "Does not prefer the track's own source.",
);
const NO_LYRICS: Answer = Answer::empty(204, "There are no lyrics.");
const NO_SESSION: Answer = Answer::error(404, "No such session is connected.");
const BAD_TRACK: Answer = Answer::json(500, "A track cannot be decoded.", "UndecodableTrack");

const fn optional(name: &'static str, kind: Kind, what: &'static str) -> Parameter {
    Parameter {
        name,
        place: "query",
        required: false,
        kind,
        what,
    }
}

const fn header(name: &'static str, required: bool, what: &'static str) -> Parameter {
    Parameter {
        name,
        place: "header",
        required,
        kind: Kind::Text,
        what,
    }
}

/// An operation that only reads.
const fn read(
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    answers: &'static [Answer],
) -> Operation {
    Operation {
        id,
        tag,
        summary,
        parameters: &[TRACE],
        body: None,
        answers,
    }
}

/// `GET /version`
pub const VERSION: Operation = read(
    "getVersion",
    "node",
    "The version of Lavalink this node speaks.",
    &[Answer {
        status: 200,
        what: "The bare version.",
        content: Content::Text,
    }],
);
/// `GET /v4/info`
pub const INFO: Operation = read(
    "getInfo",
    "node",
    "What the node is and what it can do.",
    &[Answer::json(200, "The node.", "Info")],
);
/// `GET /v4/stats`
pub const STATS: Operation = read(
    "getStats",
    "node",
    "Load and memory of the node.",
    &[Answer::json(200, "The figures.", "Stats")],
);
/// `GET /v4/openapi.json`
pub const OPENAPI: Operation = read(
    "getOpenApi",
    "node",
    "This document. An extension: Java has none.",
    &[Answer {
        status: 200,
        what: "OpenAPI 3.1.",
        content: Content::Json("Anything"),
    }],
);
/// `GET /v4/loadtracks`
pub const LOAD_TRACKS: Operation = Operation {
    id: "loadTracks",
    tag: "tracks",
    summary: "Looks an identifier up: a URL, a file, a search.",
    parameters: &[
        Parameter {
            name: "identifier",
            place: "query",
            required: true,
            kind: Kind::Text,
            what: "What to look up.",
        },
        TRACE,
    ],
    body: None,
    answers: &[
        Answer::json(200, "What was found.", "LoadResult"),
        Answer::error(400, "The identifier is missing."),
    ],
};
/// `GET /v4/decodetrack`
pub const DECODE_TRACK: Operation = Operation {
    id: "decodeTrack",
    tag: "tracks",
    summary: "Decodes a track string.",
    parameters: &[
        optional("encodedTrack", Kind::Text, "The track string."),
        optional("track", Kind::Text, "The same, in older clients."),
        TRACE,
    ],
    body: None,
    answers: &[
        Answer::json(200, "The track.", "Track"),
        Answer::error(400, "No track was given."),
        BAD_TRACK,
    ],
};
/// `POST /v4/decodetracks`
pub const DECODE_TRACKS: Operation = Operation {
    id: "decodeTracks",
    tag: "tracks",
    summary: "Decodes track strings.",
    parameters: &[TRACE],
    body: Some("EncodedTracks"),
    answers: &[Answer::json(200, "The tracks, in order.", "Tracks"), BAD_TRACK],
};
/// `GET /v4/loadsearch`
pub const LOAD_SEARCH: Operation = Operation {
    id: "loadSearch",
    tag: "tracks",
    summary: "Searches for tracks, albums, artists, playlists and texts, as the LavaSearch plugin of the Java server.",
    parameters: &[
        Parameter {
            name: "query",
            place: "query",
            required: true,
            kind: Kind::Text,
            what: "What to search for.",
        },
        optional(
            "types",
            Kind::Text,
            "`track`, `album`, `artist`, `playlist`, `text`, with commas between; all unless given.",
        ),
        TRACE,
    ],
    body: None,
    answers: &[
        Answer::json(200, "What was found.", "SearchResult"),
        Answer::empty(204, "Nothing was found."),
        Answer::error(400, "The query is missing."),
        Answer::error(500, "The plugin that searches failed."),
    ],
};
/// `GET /v4/lyrics`
pub const LYRICS: Operation = Operation {
    id: "getLyrics",
    tag: "tracks",
    summary: "The lyrics of a track, as the LavaLyrics plugin of the Java server.",
    parameters: &[
        optional("track", Kind::Text, "The track string."),
        optional("encodedTrack", Kind::Text, "The same."),
        SKIP_OWN,
        TRACE,
    ],
    body: None,
    answers: &[
        Answer::json(200, "The lyrics.", "Lyrics"),
        NO_LYRICS,
        Answer::error(
            400,
            "No track was given, or `skipTrackSource` is neither true nor false.",
        ),
        Answer::error(
            500,
            "The track cannot be decoded, or the plugin that finds lyrics failed.",
        ),
    ],
};
/// `GET …/players/{guildId}/track/lyrics`
pub const PLAYER_LYRICS: Operation = Operation {
    id: "getPlayerLyrics",
    tag: "players",
    summary: "The lyrics of the track a player plays.",
    parameters: &[SESSION, GUILD, SKIP_OWN, TRACE],
    body: None,
    answers: &[
        Answer::json(200, "The lyrics.", "Lyrics"),
        NO_LYRICS,
        Answer::error(
            400,
            "The guild id is no number, or `skipTrackSource` is neither true nor false.",
        ),
        Answer::error(
            404,
            "No such session is connected, it has no such player, or nothing plays.",
        ),
        Answer::error(500, "The plugin that finds lyrics failed."),
    ],
};
/// `POST …/players/{guildId}/lyrics/subscribe`
pub const SUBSCRIBE_LYRICS: Operation = Operation {
    id: "subscribeLyrics",
    tag: "players",
    summary: "Begins to send the lines of what a player plays.",
    parameters: &[SESSION, GUILD, SKIP_OWN, TRACE],
    body: None,
    answers: &[
        Answer::empty(204, "The lines will be sent."),
        Answer::error(
            400,
            "The guild id is no number, or `skipTrackSource` is neither true nor false.",
        ),
        Answer::error(404, "No such session is connected, or it has no such player."),
    ],
};
/// `DELETE …/players/{guildId}/lyrics/subscribe`
pub const UNSUBSCRIBE_LYRICS: Operation = Operation {
    id: "unsubscribeLyrics",
    tag: "players",
    summary: "Ends it.",
    parameters: &[SESSION, GUILD, TRACE],
    body: None,
    answers: &[
        Answer::empty(204, "No lines are sent any more."),
        Answer::error(400, "The guild id is no number."),
        Answer::error(404, "No such session is connected, or it has no such player."),
    ],
};
/// `PATCH /v4/sessions/{sessionId}`
pub const UPDATE_SESSION: Operation = Operation {
    id: "updateSession",
    tag: "sessions",
    summary: "Says whether and how long the session waits for a client whose socket is lost.",
    parameters: &[SESSION, TRACE],
    body: Some("SessionUpdate"),
    answers: &[Answer::json(200, "What holds now.", "SessionState"), NO_SESSION],
};
/// `GET …/players`
pub const LIST_PLAYERS: Operation = Operation {
    id: "listPlayers",
    tag: "players",
    summary: "All players of a session.",
    parameters: &[SESSION, TRACE],
    body: None,
    answers: &[Answer::json(200, "The players.", "Players"), NO_SESSION],
};
/// `GET …/players/{guildId}`
pub const GET_PLAYER: Operation = Operation {
    id: "getPlayer",
    tag: "players",
    summary: "One player.",
    parameters: &[SESSION, GUILD, TRACE],
    body: None,
    answers: &[
        Answer::json(200, "The player.", "Player"),
        Answer::error(400, "The guild id is no number."),
        Answer::error(404, "No such session is connected, or it has no such player."),
    ],
};
/// `GET …/players/{guildId}/diagnosis`
pub const DIAGNOSE_PLAYER: Operation = Operation {
    id: "diagnosePlayer",
    tag: "players",
    summary: "What the gaps of the last minute of a player's audio were caused by. An extension of this node.",
    parameters: &[SESSION, GUILD, TRACE],
    body: None,
    answers: &[
        Answer::json(200, "The diagnosis.", "Diagnosis"),
        Answer::error(400, "The guild id is no number."),
        Answer::error(404, "No such session is connected, or it has no such player."),
    ],
};
/// `PATCH …/players/{guildId}`
pub const UPDATE_PLAYER: Operation = Operation {
    id: "updatePlayer",
    tag: "players",
    summary: "Changes a player, and makes it first if there is none.",
    parameters: &[
        SESSION,
        GUILD,
        optional("noReplace", Kind::Switch, "Leaves a playing track alone."),
        TRACE,
    ],
    body: Some("PlayerUpdate"),
    answers: &[
        Answer::json(200, "The player.", "Player"),
        NO_SESSION,
        Answer::json(
            500,
            "The track cannot be decoded, a band does not exist, or the voice server cannot be reached.",
            "FailedUpdate",
        ),
    ],
};
/// `DELETE …/players/{guildId}`
pub const DESTROY_PLAYER: Operation = Operation {
    id: "destroyPlayer",
    tag: "players",
    summary: "Ends a player and its voice connection.",
    parameters: &[SESSION, GUILD, TRACE],
    body: None,
    answers: &[
        Answer::empty(204, "There is no such player any more."),
        Answer::error(400, "The guild id is no number."),
        NO_SESSION,
    ],
};
/// `GET /v4/routeplanner/status`
pub const ROUTE_PLANNER_STATUS: Operation = read(
    "getRoutePlannerStatus",
    "route planner",
    "What the route planner does.",
    &[
        Answer::json(200, "The planner.", "RoutePlannerStatus"),
        Answer::empty(204, "No planner is configured."),
    ],
);
/// `POST /v4/routeplanner/free/address`
pub const FREE_ADDRESS: Operation = Operation {
    id: "freeAddress",
    tag: "route planner",
    summary: "Forgets that an address failed.",
    parameters: &[TRACE],
    body: Some("FreeAddress"),
    answers: &[
        Answer::empty(204, "The address may be used again."),
        Answer::json(500, "No planner is configured.", "NoRoutePlanner"),
    ],
};
/// `POST /v4/routeplanner/free/all`
pub const FREE_ALL: Operation = Operation {
    id: "freeAllAddresses",
    tag: "route planner",
    summary: "Forgets that addresses failed.",
    parameters: &[TRACE],
    body: None,
    answers: &[
        Answer::empty(204, "All addresses may be used again."),
        Answer::json(500, "No planner is configured.", "NoRoutePlanner"),
    ],
};
/// `GET /v4/plugins`
pub const LIST_PLUGINS: Operation = read(
    "listPlugins",
    "node",
    "All plugins: in use, left out and why, and awaited. Not in Java Lavalink.",
    &[Answer::json(200, "The plugins.", "Plugins")],
);
/// `POST /v4/plugins/{name}/reload`
pub const RELOAD_PLUGIN: Operation = Operation {
    id: "reloadPlugin",
    tag: "node",
    summary: "Loads a plugin's file again while the node runs. Not in Java Lavalink.",
    parameters: &[
        Parameter {
            name: "name",
            place: "path",
            required: true,
            kind: Kind::Text,
            what: "The plugin, as `/v4/plugins` names it; one without a name there by that of its file.",
        },
        TRACE,
    ],
    body: None,
    answers: &[
        Answer::json(
            200,
            "What the file holds is in use, on trial, or the same as before.",
            "ReloadedPlugin",
        ),
        Answer::error(404, "No plugin of that name was loaded or tried."),
        Answer::error(409, "The plugin is native; it takes a restart of the node."),
        Answer::error(422, "The file cannot be loaded; all stays as it was."),
        Answer::error(503, "Another plugin is being loaded at the moment."),
    ],
};
/// `GET /v4/websocket`
pub const WEBSOCKET: Operation = Operation {
    id: "openSession",
    tag: "sessions",
    summary: "Opens the WebSocket of a session, or resumes one.",
    parameters: &[
        header("User-Id", true, "The bot's user."),
        header("Client-Name", false, "`name/version` of the client."),
        header("Session-Id", false, "The session to resume."),
    ],
    body: None,
    answers: &[
        Answer::empty(
            101,
            "The socket is open; `Session-Resumed` says whether the session goes on.",
        ),
        Answer::empty(400, "`User-Id` is missing, or this is no WebSocket handshake."),
        Answer::empty(401, "The password is missing or wrong."),
        Answer::empty(403, "A page of another origin."),
        Answer::empty(405, "Not a GET."),
        Answer::empty(426, "Not version 13 of the protocol."),
    ],
};
/// `GET /`
pub const ROOT: Operation = read(
    "getRoot",
    "node",
    "Nothing; for clients of older versions.",
    &[Answer::empty(200, "Nothing.")],
);
/// `GET /v3/websocket`
pub const OLD_WEBSOCKET: Operation = read(
    "getOldWebSocket",
    "node",
    "Nothing; for clients of older versions.",
    &[Answer::empty(200, "Nothing.")],
);
/// `GET /metrics`, or whatever path is configured.
pub const METRICS: Operation = Operation {
    id: "getMetrics",
    tag: "node",
    summary: "The figures for Prometheus.",
    parameters: &[optional("name[]", Kind::Text, "Only the metric of this name.")],
    body: None,
    answers: &[Answer {
        status: 200,
        what: "The figures.",
        content: Content::Text,
    }],
};

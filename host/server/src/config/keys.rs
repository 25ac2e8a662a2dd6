//! The table of keys: reader, unknown-key report, environment, JSON Schema and documentation all go by it.

use super::key::{Beyond, Effect, Key, Kind};
use super::path::Segment;

use Effect::Used;
use Kind::{Address, Anything, Boolean, Choice, Level, Secret, Size, Text, Texts, Time};

const MOST_INT: i64 = i32::MAX as i64;
const MOST_LONG: i64 = i64::MAX;
const LEAST_INT: i64 = i32::MIN as i64;

const PORT: Kind = strict(0, 65_535);
const MILLISECONDS: Kind = strict(1, MOST_INT);

const JVM: Effect = Effect::Nothing("it tunes the Java runtime");
const JAVA_SERVER: Effect = Effect::Nothing("it tunes the Java web server");
const LOG_FORMAT: Effect = Effect::Nothing("the log has one format");
const ERRORS_FIXED: Effect = Effect::Nothing("errors are always answered as Lavalink documents them");
const NO_SENTRY: Effect = Effect::Nothing("nothing is sent to Sentry");
const NO_SOURCE: Effect =
    Effect::Nothing("it belongs to a source that is not built in; configure the plugin instead");
const SPRING: Effect = Effect::Nothing("it tunes Spring");

/// A number outside its range stops the start.
const fn strict(least: i64, most: i64) -> Kind {
    Kind::Integer {
        least,
        most,
        beyond: Beyond::Refused,
    }
}

/// A number outside its range is replaced by the default.
const fn lenient(least: i64, most: i64) -> Kind {
    Kind::Integer {
        least,
        most,
        beyond: Beyond::Replaced,
    }
}

macro_rules! keys {
    ($( $constant:ident = $name:literal, $kind:expr, $default:literal, $effect:expr, $meaning:literal; )*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Key = Key {
                name: $name,
                kind: $kind,
                default: $default,
                effect: $effect,
                meaning: $meaning,
            };
        )*

        /// All keys; where two fit a path, the first counts.
        pub const ALL: &[&Key] = &[$( &$constant ),*];
    };
}

keys! {
    SERVER_PORT = "server.port", PORT, "8080", Used,
        "TCP port of REST and WebSocket; 0 picks a free one. 2333 when there is no file at all";
    SERVER_ADDRESS = "server.address", Address, "0.0.0.0", Used, "address to bind";
    CONTEXT_PATH = "server.servlet.context-path", Text, "", Used,
        "prefix of all routes, the WebSocket's included, such as `/music`";
    SERVLET = "server.servlet.**", Anything, "", JAVA_SERVER, "other settings of servlets";
    SHUTDOWN = "server.shutdown", Choice(&["immediate", "graceful"]), "immediate", Used,
        "`graceful` waits for requests under way, up to `spring.lifecycle.timeout-per-shutdown-phase`";
    SHUTDOWN_TIMEOUT = "spring.lifecycle.timeout-per-shutdown-phase", Time, "30s", Used,
        "longest graceful shutdown";
    FORWARD_HEADERS = "server.forward-headers-strategy", Choice(&["none", "native", "framework"]), "none", Used,
        "other than `none`: client addresses come from `Forwarded` or `X-Forwarded-For`";
    SSL_ENABLED = "server.ssl.enabled", Boolean, "true", Used, "false switches TLS off although a certificate is there";
    SSL_CERTIFICATE = "server.ssl.certificate", Text, "", Used,
        "PEM file with the certificate and its chain; the server then speaks TLS";
    SSL_PRIVATE_KEY = "server.ssl.certificate-private-key", Text, "", Used, "PEM file with the private key, not encrypted";
    SSL_TRUST_CERTIFICATE = "server.ssl.trust-certificate", Text, "", Used,
        "PEM file with the authorities of client certificates";
    SSL_CLIENT_AUTH = "server.ssl.client-auth", Choice(&["none", "want", "need"]), "none", Used,
        "whether clients are asked for a certificate, or must have one";
    SSL_KEY_STORE = "server.ssl.key-store", Text, "", Used,
        "Java key stores are refused, with the command that turns them into PEM";
    SSL_KEY_STORE_PASSWORD = "server.ssl.key-store-password", Secret, "", JAVA_SERVER, "belongs to the key store";
    SSL_KEY_PASSWORD = "server.ssl.key-password", Secret, "", JAVA_SERVER, "belongs to the key store";
    SSL_PRIVATE_KEY_PASSWORD = "server.ssl.certificate-private-key-password", Secret, "",
        Effect::Nothing("encrypted keys are refused, with the command that decrypts them"), "password of the private key";
    SSL_TRUST_STORE_PASSWORD = "server.ssl.trust-store-password", Secret, "", JAVA_SERVER, "belongs to the trust store";
    SSL_BUNDLE = "server.ssl.bundle", Text, "", Used, "name of a PEM bundle in `spring.ssl.bundle.pem`";
    BUNDLE_CERTIFICATE = "spring.ssl.bundle.pem.*.keystore.certificate", Text, "", Used, "as `server.ssl.certificate`";
    BUNDLE_PRIVATE_KEY = "spring.ssl.bundle.pem.*.keystore.private-key", Text, "", Used,
        "as `server.ssl.certificate-private-key`";
    BUNDLE_TRUST = "spring.ssl.bundle.pem.*.truststore.certificate", Text, "", Used, "as `server.ssl.trust-certificate`";
    SSL = "server.ssl.**", Anything, "", Effect::Nothing("TLS 1.2 and 1.3 with safe ciphers are always on"),
        "other settings of TLS";
    HTTP2 = "server.http2.**", Anything, "", Effect::Nothing("HTTP/1.1 is spoken; every client can"), "HTTP/2";
    SERVER_ERROR = "server.error.**", Anything, "", ERRORS_FIXED, "form of error answers";
    UNDERTOW = "server.undertow.**", Anything, "", JAVA_SERVER, "Undertow";
    TOMCAT = "server.tomcat.**", Anything, "", JAVA_SERVER, "Tomcat";
    JETTY = "server.jetty.**", Anything, "", JAVA_SERVER, "Jetty";
    NETTY = "server.netty.**", Anything, "", JAVA_SERVER, "Netty";
    COMPRESSION = "server.compression.**", Anything, "", JAVA_SERVER, "compression of answers";
    REACTIVE = "server.reactive.**", Anything, "", JAVA_SERVER, "reactive servers";
    MAX_HEADER_SIZE = "server.max-http-request-header-size", Size, "8KB",
        Effect::Nothing("heads of up to 64 KB are read"), "longest head of a request";
    SERVER_HEADER = "server.server-header", Text, "", JAVA_SERVER, "the `Server` header";

    PLUGINS_DIR = "lavalink.pluginsDir", Text, "./plugins", Used,
        "where plugins are looked for, besides `plugins` next to the binary";
    PLUGINS_DATA_DIR = "lavalink.pluginsDataDir", Text, "./plugin-data", Used,
        "where plugins keep what is to outlive the node; made when one does";
    EXCHANGE_WATCH = "lavalink.plugin-exchange.watch", Boolean, "true", Used,
        "whether files of WebAssembly plugins that change are loaded while the node runs";
    EXCHANGE_SHARE = "lavalink.plugin-exchange.share", strict(0, 100), "25", Used,
        "percent of the calls a new version gets while it is on trial; 0 takes it into use without a trial";
    EXCHANGE_CALLS = "lavalink.plugin-exchange.calls", strict(2, 1_000_000), "20", Used,
        "calls a new version has to answer to take the old one's place";
    EXCHANGE_TIME = "lavalink.plugin-exchange.time", Time, "10m", Used,
        "time after which it takes it although there were fewer";
    PLUGIN_DEPENDENCY = "lavalink.plugins[].dependency", Text, "", Used,
        "a plugin in a repository, `group:name:version`; see [plugins/using.md](plugins/using.md)";
    PLUGIN_REPOSITORY = "lavalink.plugins[].repository", Text, "", Used, "address of its repository, if not the default one";
    PLUGIN_SNAPSHOT = "lavalink.plugins[].snapshot", Boolean, "false", Used,
        "whether it is in the repository of snapshots, where files change";
    PLUGIN_URL = "lavalink.plugins[].url", Text, "", Used, "instead of `dependency`: address of the file";
    PLUGIN_PATH = "lavalink.plugins[].path", Text, "", Used, "instead of `dependency`: a file of this machine";
    PLUGIN_SHA256 = "lavalink.plugins[].sha256", Text, "", Used,
        "SHA-256 the file must have; native plugins are fetched with one only";
    PLUGIN_REPOSITORIES = "lavalink.defaultPluginRepository", Text, "https://maven.lavalink.dev/releases", Used,
        "repository of dependencies that name none";
    PLUGIN_SNAPSHOTS = "lavalink.defaultPluginSnapshotRepository", Text, "https://maven.lavalink.dev/snapshots", Used,
        "the same for snapshots";
    NATIVE_PLUGINS = "lavalink.native-plugins", Choice(&["bundled", "pinned", "all"]), "pinned", Used,
        "which native plugins are loaded: those beside the node's binary, also those whose SHA-256 is in `lavalink.plugins`, or any";
    POLICY_HOSTS = "lavalink.plugin-policy.*.hosts", Texts, "", Used,
        "hosts the plugin of this name may reach, of those its manifest names; absent: all of them";
    POLICY_MEMORY = "lavalink.plugin-policy.*.memory", strict(1, 4096), "", Used,
        "memory of an instance of this plugin, MiB, of what its manifest asks for; absent: 64 at most";
    PLUGINS_LOCK = "lavalink.pluginsLock", Text, "", Used,
        "file that notes what was fetched; `plugins.lock` beside the first configuration file if empty";

    PASSWORD = "lavalink.server.password", Secret, "", Used,
        "what clients send as `Authorization`. None: one is made up at each start and printed";
    SOURCE_YOUTUBE = "lavalink.server.sources.youtube", Boolean, "true", Used, "whether the source may be used";
    SOURCE_BANDCAMP = "lavalink.server.sources.bandcamp", Boolean, "true", Used, "whether the source may be used";
    SOURCE_SOUNDCLOUD = "lavalink.server.sources.soundcloud", Boolean, "true", Used, "whether the source may be used";
    SOURCE_TWITCH = "lavalink.server.sources.twitch", Boolean, "true", Used, "whether the source may be used";
    SOURCE_VIMEO = "lavalink.server.sources.vimeo", Boolean, "true", Used, "whether the source may be used";
    SOURCE_NICO = "lavalink.server.sources.nico", Boolean, "false", Used, "whether the source may be used";
    SOURCE_HTTP = "lavalink.server.sources.http", Boolean, "true", Used, "whether the source may be used";
    SOURCE_LOCAL = "lavalink.server.sources.local", Boolean, "false", Used,
        "whether files of this machine may be played; true without any file";
    SOURCES = "lavalink.server.sources.*", Boolean, "true", Used, "sources of plugins, by their name";
    FILTER_VOLUME = "lavalink.server.filters.volume", Boolean, "true", Used, "false refuses requests with the filter";
    FILTER_EQUALIZER = "lavalink.server.filters.equalizer", Boolean, "true", Used, "the same";
    FILTER_KARAOKE = "lavalink.server.filters.karaoke", Boolean, "true", Used, "the same";
    FILTER_TIMESCALE = "lavalink.server.filters.timescale", Boolean, "true", Used, "the same";
    FILTER_TREMOLO = "lavalink.server.filters.tremolo", Boolean, "true", Used, "the same";
    FILTER_VIBRATO = "lavalink.server.filters.vibrato", Boolean, "true", Used, "the same";
    FILTER_DISTORTION = "lavalink.server.filters.distortion", Boolean, "true", Used, "the same";
    FILTER_ROTATION = "lavalink.server.filters.rotation", Boolean, "true", Used, "the same";
    FILTER_CHANNEL_MIX = "lavalink.server.filters.channelMix", Boolean, "true", Used, "the same";
    FILTER_LOW_PASS = "lavalink.server.filters.lowPass", Boolean, "true", Used, "the same";
    FILTERS = "lavalink.server.filters.*", Boolean, "true", Used, "filters of plugins, by their name";
    NON_ALLOCATING = "lavalink.server.nonAllocatingFrameBuffer", Boolean, "false", JVM, "reuse of frame memory";
    BUFFER_DURATION = "lavalink.server.bufferDurationMs", lenient(LEAST_INT, MOST_INT), "400", JVM, "native send buffer";
    FRAME_BUFFER = "lavalink.server.frameBufferDurationMs", lenient(200, MOST_INT), "5000", Used,
        "playing time of compressed audio read ahead, 48 to 512 KiB; below 200: a warning and 5000";
    OPUS_QUALITY = "lavalink.server.opusEncodingQuality", lenient(0, 10), "10", Used,
        "effort of the encoder, 10 is best; outside: a warning and 10";
    RESAMPLING = "lavalink.server.resamplingQuality", Choice(&["LOW", "MEDIUM", "HIGH"]), "LOW", Used,
        "effort of sample rate conversion";
    STUCK_THRESHOLD = "lavalink.server.trackStuckThresholdMs", lenient(100, MOST_LONG), "10000", Used,
        "time without audio before TrackStuckEvent; below 100: a warning and 10000";
    SEEK_GHOSTING = "lavalink.server.useSeekGhosting", Boolean, "true", Used, "the old audio goes on while a seek runs";
    STREAM_TITLE_EVENTS = "lavalink.server.streamTitleEvents", Boolean, "false", Used,
        "send StreamTitleEvent when a radio station begins another song; not in Lavalink";
    YOUTUBE_PLAYLIST_LIMIT = "lavalink.server.youtubePlaylistLoadLimit", strict(LEAST_INT, MOST_INT), "", NO_SOURCE,
        "pages of a playlist";
    UPDATE_INTERVAL = "lavalink.server.playerUpdateInterval", strict(LEAST_INT, MOST_INT), "5", Used,
        "seconds between player updates; 0 or less: none, with a warning";
    YOUTUBE_SEARCH = "lavalink.server.youtubeSearchEnabled", Boolean, "true", NO_SOURCE, "searches";
    SOUNDCLOUD_SEARCH = "lavalink.server.soundcloudSearchEnabled", Boolean, "true", NO_SOURCE, "searches";
    SOUNDCLOUD_PREVIEWS = "lavalink.server.soundcloudFilterOutPreviewTracks", Boolean, "false", NO_SOURCE,
        "whether previews are left out";
    GC_WARNINGS = "lavalink.server.gc-warnings", Boolean, "true", JVM, "log of garbage collections";
    IP_BLOCKS = "lavalink.server.ratelimit.ipBlocks", Texts, "", Used,
        "blocks of local addresses in CIDR notation; the [route planner](operations/route-planner.md) is on when there is one";
    EXCLUDED_IPS = "lavalink.server.ratelimit.excludedIps", Texts, "", Used, "addresses that are not used";
    STRATEGY = "lavalink.server.ratelimit.strategy",
        Choice(&["RotateOnBan", "LoadBalance", "NanoSwitch", "RotatingNanoSwitch"]), "RotateOnBan", Used,
        "how the address is chosen";
    RETRY_LIMIT = "lavalink.server.ratelimit.retryLimit", strict(LEAST_INT, MOST_INT), "-1", Used,
        "tries of one request; -1 means 10, 0 as many as fit into a minute";
    SEARCH_TRIGGERS_FAIL = "lavalink.server.ratelimit.searchTriggersFail", Boolean, "true", Used,
        "whether a search answered 429 marks its address";
    YOUTUBE_EMAIL = "lavalink.server.youtubeConfig.email", Text, "", NO_SOURCE, "account";
    YOUTUBE_PASSWORD = "lavalink.server.youtubeConfig.password", Secret, "", NO_SOURCE, "account";
    PROXY_HOST = "lavalink.server.httpConfig.proxyHost", Text, "", Used, "HTTP proxy of outgoing requests";
    PROXY_PORT = "lavalink.server.httpConfig.proxyPort", strict(1, 65_535), "3128", Used, "its port";
    PROXY_USER = "lavalink.server.httpConfig.proxyUser", Text, "", Used, "its user, when it wants one";
    PROXY_PASSWORD = "lavalink.server.httpConfig.proxyPassword", Secret, "", Used, "its password";
    CONNECT_TIMEOUT = "lavalink.server.timeouts.connectTimeoutMs", MILLISECONDS, "3000", Used,
        "time to connect, outgoing";
    REQUEST_TIMEOUT = "lavalink.server.timeouts.connectionRequestTimeoutMs", MILLISECONDS, "3000",
        Effect::Nothing("there is no queue for connections"), "wait for a free connection";
    SOCKET_TIMEOUT = "lavalink.server.timeouts.socketTimeoutMs", MILLISECONDS, "3000", Used,
        "time without a byte, outgoing";

    EGRESS_ALLOW_PRIVATE = "lavalink.server.egress.allow-private", Boolean, "false", Used,
        "whether requests may go to private, loopback and link-local addresses and to the node itself; see [operations/egress.md](operations/egress.md)";
    EGRESS_ALLOW = "lavalink.server.egress.allow", Texts, "", Used,
        "addresses and networks requests may go to, such as `192.168.1.0/24`";
    EGRESS_DENY = "lavalink.server.egress.deny", Texts, "", Used,
        "addresses and networks requests may not go to; wins over the others";
    EGRESS_PORTS = "lavalink.server.egress.ports", Texts, "", Used,
        "ports requests may go to besides those that are open anyway, such as `81` or `88-90`";

    PROMETHEUS_ENABLED = "metrics.prometheus.enabled", Boolean, "false", Used, "whether there is a [metrics](operations/metrics.md) endpoint";
    PROMETHEUS_ENDPOINT = "metrics.prometheus.endpoint", Text, "", Used,
        "its path, `/metrics` if empty; only a path named here needs no password";

    SENTRY_DSN = "sentry.dsn", Secret, "", NO_SENTRY, "where reports go";
    SENTRY_ENVIRONMENT = "sentry.environment", Text, "", NO_SENTRY, "name of the environment";
    SENTRY_TAGS = "sentry.tags.*", Text, "", NO_SENTRY, "tags of reports";
    SENTRY = "sentry.**", Anything, "", NO_SENTRY, "other settings of Sentry";

    LEVEL_ROOT = "logging.level.root", Level, "INFO", Used,
        "OFF, ERROR, WARN, INFO, DEBUG, TRACE; the variable `RUST_LOG` overrides all levels";
    LEVELS_OF_LOGGERS = "logging.level.*", Level, "", Used,
        "level of a logger, such as `lavalink` or `lavalink.server.io`; see below";
    LOG_FILE_NAME = "logging.file.name", Text, "", Used, "file the log is written to, besides standard output";
    LOG_FILE_PATH = "logging.file.path", Text, "", Used, "directory the log is written to, as `spring.log`";
    LOG_MAX_SIZE = "logging.logback.rollingpolicy.max-file-size", Size, "10MB", Used,
        "a file of this size is packed and a new one begun";
    LOG_MAX_HISTORY = "logging.logback.rollingpolicy.max-history", strict(0, MOST_INT), "7", Used,
        "days old files are kept; 0 keeps them for ever";
    LOG_TOTAL_CAP = "logging.logback.rollingpolicy.total-size-cap", Size, "0", Used,
        "size of all old files together, the oldest go first; 0 has no limit";
    LOG_CLEAN_ON_START = "logging.logback.rollingpolicy.clean-history-on-start", Boolean, "false", Used,
        "whether old files are also removed at start";
    LOG_FILE_PATTERN = "logging.logback.rollingpolicy.file-name-pattern", Text, "",
        Effect::Nothing("old files are called `<file>.<date>.<number>.gz`, Java's default"), "name of old files";
    LOG_PATTERNS = "logging.pattern.**", Anything, "", LOG_FORMAT, "form of log lines";
    LOG_CONFIG = "logging.config", Text, "", LOG_FORMAT, "a logback file";
    LOG_CHARSET = "logging.charset.**", Anything, "", LOG_FORMAT, "encoding of the log";
    LOG_GROUPS = "logging.group.**", Anything, "", Effect::Nothing("name the loggers themselves"), "groups of loggers";
    LOG_SHUTDOWN_HOOK = "logging.register-shutdown-hook", Boolean, "true", JVM, "logback at shutdown";
    LOG_EXCEPTIONS = "logging.exception-conversion-word", Text, "", LOG_FORMAT, "form of stack traces";
    REQUEST_LOG = "logging.request.enabled", Boolean, "true", Used, "one line for each request";
    REQUEST_CLIENT = "logging.request.includeClientInfo", Boolean, "false", Used, "show the client's address";
    REQUEST_HEADERS = "logging.request.includeHeaders", Boolean, "false", Used, "show the headers";
    REQUEST_QUERY = "logging.request.includeQueryString", Boolean, "true", Used, "show the query";
    REQUEST_PAYLOAD = "logging.request.includePayload", Boolean, "true", Used, "show the body, secrets starred out";
    REQUEST_MAX_PAYLOAD = "logging.request.maxPayloadLength", strict(0, MOST_INT), "10000", Used,
        "bytes of the body that are shown";
    REQUEST_BEFORE = "logging.request.beforeRequest", Boolean, "false", Used, "another line before the request is handled";

    PLUGIN_SETTINGS = "plugins.**", Anything, "", Used, "`plugins.<name>` is handed to the plugin of that name as it is; see [operations/route-planner.md](operations/route-planner.md) for `plugins.http.useRoutePlanner`";

    CONFIG_LOCATION = "spring.config.location", Texts, "", Used, "files or directories (ending in `/`) to read instead";
    CONFIG_ADDITIONAL = "spring.config.additional-location", Texts, "", Used, "files or directories to read as well";
    CONFIG_NAME = "spring.config.name", Texts, "application", Used, "base name of the files";
    CONFIG_IMPORT = "spring.config.import", Texts, "", Used, "further files, `configtree:` directories, `env:` variables";
    CONFIG_ON_PROFILE = "spring.config.activate.on-profile", Texts, "", Used,
        "the document counts when this profile is active; `!`, `&`, `|` and brackets work";
    PROFILES_ACTIVE = "spring.profiles.active", Texts, "", Used, "active profiles";
    PROFILES_INCLUDE = "spring.profiles.include", Texts, "", Used, "profiles that are active as well";
    PROFILES_DEFAULT = "spring.profiles.default", Texts, "default", Used, "profiles when none is active";
    PROFILES_GROUP = "spring.profiles.group.*", Texts, "", Used, "profiles a profile stands for";
    SPRING_REST = "spring.**", Anything, "", SPRING, "other settings of Spring";
    MANAGEMENT = "management.**", Anything, "", SPRING, "Spring's actuator";
    DEBUG = "debug", Text, "", SPRING, "Spring's debug mode";
    TRACE = "trace", Text, "", SPRING, "Spring's trace mode";
}

/// The key that speaks for a path.
pub fn of(path: &[Segment]) -> Option<&'static Key> {
    ALL.iter().copied().find(|key| key.covers(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::path;

    #[test]
    fn every_default_can_be_converted() {
        for key in ALL {
            assert!(
                key.default.is_empty() || key.default().is_some(),
                "{} has the default {}",
                key.name,
                key.default
            );
        }
    }

    #[test]
    fn names_are_there_once_and_wildcards_come_last() {
        for (index, key) in ALL.iter().enumerate() {
            assert!(
                !ALL[..index].iter().any(|other| other.name == key.name),
                "{}",
                key.name
            );
            if !key.name.contains('*') {
                let path = path::parse(&key.name.replace("[]", "[0]")).expect(key.name);
                let found = of(&path).expect(key.name);
                assert_eq!(found.name, key.name);
            }
        }
    }

    #[test]
    fn paths_find_their_key_in_any_spelling() {
        for (written, name) in [
            (
                "lavalink.server.player-update_INTERVAL",
                "lavalink.server.playerUpdateInterval",
            ),
            ("lavalink.plugins[3].dependency", "lavalink.plugins[].dependency"),
            ("lavalink.server.sources.mine", "lavalink.server.sources.*"),
            (
                "lavalink.server.filters.CHANNEL_MIX",
                "lavalink.server.filters.channelMix",
            ),
            (
                "lavalink.server.ratelimit.ip-blocks[2]",
                "lavalink.server.ratelimit.ipBlocks",
            ),
            ("plugins.a.b[0].c", "plugins.**"),
            ("server.servlet.contextPath", "server.servlet.context-path"),
            ("server.servlet.session.timeout", "server.servlet.**"),
            ("logging.level.org.springframework", "logging.level.*"),
        ] {
            let path = path::with_dotted_keys(path::parse(written).expect(written));
            assert_eq!(of(&path).map(|key| key.name), Some(name), "{written}");
        }
        for unknown in [
            "lavalink.server.passwort",
            "server.prot",
            "lavalink.server.password.x",
            "nothing",
        ] {
            assert!(of(&path::parse(unknown).expect(unknown)).is_none(), "{unknown}");
        }
    }
}

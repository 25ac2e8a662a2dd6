//! The checks of a WebSocket handshake, in Java Lavalink's order.

use axum::http::{HeaderMap, HeaderName, Method, header};
use lavalink_protocol::ids::UserId;
use lavalink_protocol::secret::Secret;

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The password is wrong or missing.
    Unauthorized,
    /// `User-Id` is missing, empty or 0.
    NoUser,
    /// A browser on another site.
    ForeignOrigin,
    /// Not a GET.
    Method,
    /// `Upgrade` is not `websocket`.
    NoUpgrade,
    /// `Connection` does not name the upgrade.
    NoConnection,
    /// Not version 13 of the WebSocket protocol.
    Version,
    /// `Sec-WebSocket-Key` is missing.
    NoKey,
}

impl Refusal {
    /// Whether password and user were in order, so that the answer says whether the session would go on.
    pub fn is_authenticated(self) -> bool {
        !matches!(self, Self::Unauthorized | Self::NoUser)
    }
}

/// What an acceptable handshake says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// `Sec-WebSocket-Key`.
    pub key: String,
    /// The bot's user; `None` when the text is no number, which Java finds out only after the upgrade.
    pub user_id: Option<UserId>,
    /// `Client-Name`.
    pub client_name: Option<String>,
    /// The session to resume.
    pub session_id: Option<String>,
}

/// Checks the request of a handshake.
///
/// # Errors
/// The first [`Refusal`] that applies.
pub fn check(method: &Method, headers: &HeaderMap, password: &Secret) -> Result<Accepted, Refusal> {
    let text = |name: &HeaderName| text(headers, name);
    let named = |name: &'static str| named(headers, name);
    if !headers
        .get(header::AUTHORIZATION)
        .is_some_and(|given| password.matches(given.as_bytes()))
    {
        return Err(Refusal::Unauthorized);
    }
    let user = named("user-id")
        .filter(|user| *user != "0")
        .ok_or(Refusal::NoUser)?;
    if text(&header::ORIGIN).is_some_and(|origin| !is_same_origin(origin, text(&header::HOST))) {
        return Err(Refusal::ForeignOrigin);
    }
    if method != Method::GET {
        return Err(Refusal::Method);
    }
    if !text(&header::UPGRADE).is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
        return Err(Refusal::NoUpgrade);
    }
    let is_upgrade = |value: &str| {
        value
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
    };
    if !headers
        .get_all(header::CONNECTION)
        .iter()
        .any(|value| value.to_str().is_ok_and(is_upgrade))
    {
        return Err(Refusal::NoConnection);
    }
    if text(&header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Refusal::Version);
    }
    let key = text(&header::SEC_WEBSOCKET_KEY)
        .filter(|key| !key.is_empty())
        .ok_or(Refusal::NoKey)?;
    Ok(Accepted {
        key: key.to_owned(),
        user_id: user.parse().ok(),
        client_name: named("client-name").map(str::to_owned),
        session_id: named("session-id").map(str::to_owned),
    })
}

/// The session the client names, with the user it says it is; for answers to handshakes that are refused.
pub fn wanted(headers: &HeaderMap) -> Option<(&str, UserId)> {
    Some((
        named(headers, "session-id")?,
        named(headers, "user-id")?.parse().ok()?,
    ))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
}

fn named<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    text(headers, &HeaderName::from_static(name)).filter(|text| !text.is_empty())
}

/// Whether the page that opens the socket was served from here.
fn is_same_origin(origin: &str, host: Option<&str>) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    host.is_some_and(|host| {
        let bare = |text: &str| {
            text.strip_suffix(default_port)
                .unwrap_or(text)
                .to_ascii_lowercase()
        };
        bare(authority) == bare(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(changes: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let complete = [
            ("authorization", "pw"),
            ("user-id", "170939974227541168"),
            ("client-name", "test/1"),
            ("host", "127.0.0.1:2333"),
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for (name, value) in complete.iter().chain(changes) {
            if value.is_empty() {
                headers.remove(*name);
            } else {
                headers.insert(*name, HeaderValue::from_static(value));
            }
        }
        headers
    }

    fn outcome(method: Method, changes: &[(&'static str, &'static str)]) -> Result<Accepted, Refusal> {
        check(&method, &headers(changes), &Secret::from("pw"))
    }

    #[test]
    fn a_complete_handshake_is_accepted() {
        let accepted = outcome(Method::GET, &[("session-id", "abc")]).expect("accepted");
        assert_eq!(accepted.user_id, Some(UserId(170_939_974_227_541_168)));
        assert_eq!(
            (accepted.client_name.as_deref(), accepted.session_id.as_deref()),
            (Some("test/1"), Some("abc"))
        );
        let accepted = outcome(Method::GET, &[("user-id", "me"), ("client-name", "")]).expect("accepted");
        assert_eq!(
            (accepted.user_id, accepted.client_name, accepted.session_id),
            (None, None, None)
        );
    }

    #[test]
    fn the_first_thing_wrong_decides() {
        let everything_wrong = [
            ("authorization", "no"),
            ("user-id", "0"),
            ("origin", "http://evil.example"),
            ("upgrade", "h2c"),
            ("connection", "close"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", ""),
        ];
        let right = headers(&[]);
        let order = [
            Refusal::Unauthorized,
            Refusal::NoUser,
            Refusal::ForeignOrigin,
            Refusal::Method,
            Refusal::NoUpgrade,
            Refusal::NoConnection,
            Refusal::Version,
            Refusal::NoKey,
        ];
        let mut headers = headers(&everything_wrong);
        let mut method = Method::POST;
        let fixes = [
            "authorization",
            "user-id",
            "origin",
            "",
            "upgrade",
            "connection",
            "sec-websocket-version",
        ];
        for (index, expected) in order.iter().enumerate() {
            assert_eq!(check(&method, &headers, &Secret::from("pw")), Err(*expected));
            match fixes.get(index) {
                Some(&"origin") => drop(headers.remove("origin")),
                Some(&"") => method = Method::GET,
                Some(name) => drop(headers.insert(*name, right[*name].clone())),
                None => {}
            }
        }
    }

    #[test]
    fn missing_password_and_user_are_refused() {
        assert_eq!(
            outcome(Method::GET, &[("authorization", "")]),
            Err(Refusal::Unauthorized)
        );
        assert_eq!(
            outcome(Method::GET, &[("authorization", "Bearer pw")]),
            Err(Refusal::Unauthorized)
        );
        assert_eq!(outcome(Method::GET, &[("user-id", "")]), Err(Refusal::NoUser));
    }

    #[test]
    fn a_refused_client_is_told_about_the_session_it_names() {
        let named = headers(&[("session-id", "abc")]);
        assert_eq!(wanted(&named), Some(("abc", UserId(170_939_974_227_541_168))));
        assert_eq!(wanted(&headers(&[])), None);
        assert_eq!(
            wanted(&headers(&[("session-id", "abc"), ("user-id", "me")])),
            None
        );
        assert!(Refusal::NoKey.is_authenticated() && !Refusal::NoUser.is_authenticated());
    }

    #[test]
    fn browsers_may_connect_from_the_same_origin_only() {
        assert!(outcome(Method::GET, &[("origin", "http://127.0.0.1:2333")]).is_ok());
        for origin in ["http://127.0.0.1:2334", "https://127.0.0.1", "null", "file://"] {
            assert_eq!(
                check(&Method::GET, &with_origin(origin), &Secret::from("pw")),
                Err(Refusal::ForeignOrigin),
                "{origin}"
            );
        }
        assert!(is_same_origin("https://node.example", Some("node.example:443")));
    }

    fn with_origin(origin: &'static str) -> HeaderMap {
        headers(&[("origin", origin)])
    }
}

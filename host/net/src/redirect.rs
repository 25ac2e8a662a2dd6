//! The request a redirect leads to.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use reqwest::{Method, Request, Response, Url};

use crate::NetError;
use crate::request::host_of;

/// The next request; `None` when `answer` is not a redirect one can follow.
pub(crate) fn next(request: &Request, answer: &Response) -> Option<Result<Request, NetError>> {
    let status = answer.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    let url = request.url().join(location).ok()?;
    Some(follow(request, status, url))
}

fn follow(request: &Request, status: StatusCode, url: Url) -> Result<Request, NetError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NetError::Url {
            reason: format!(
                "redirected to scheme {:?}, only http and https are spoken",
                url.scheme()
            ),
        });
    }
    // A body that was sent once exists in memory, so it can be cloned.
    let mut next = request.try_clone().ok_or_else(|| NetError::Request {
        host: host_of(&url),
        reason: "its body cannot be sent twice".to_owned(),
    })?;
    let is_same_server = request.url().host_str() == url.host_str()
        && request.url().port_or_known_default() == url.port_or_known_default();
    *next.url_mut() = url;
    // RFC 9110, 15.4: 303 asks for a GET; 301 and 302 turn a POST into one, as browsers do.
    let becomes_get = match status {
        StatusCode::SEE_OTHER => next.method() != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => next.method() == Method::POST,
        _ => false,
    };
    if becomes_get {
        *next.method_mut() = Method::GET;
        *next.body_mut() = None;
        next.headers_mut().remove(CONTENT_TYPE);
        next.headers_mut().remove(CONTENT_LENGTH);
    }
    if !is_same_server {
        for secret in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            next.headers_mut().remove(secret);
        }
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let mut request = Request::new(Method::POST, Url::parse("http://a.test/x").unwrap());
        *request.body_mut() = Some("body".into());
        for (name, value) in [
            (AUTHORIZATION, "secret"),
            (COOKIE, "c=1"),
            (CONTENT_TYPE, "text/plain"),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    fn followed(status: u16, url: &str) -> Request {
        follow(
            &request(),
            StatusCode::from_u16(status).unwrap(),
            Url::parse(url).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn secrets_stay_with_their_server() {
        let same = followed(307, "http://a.test:80/y");
        assert!(same.headers().contains_key(AUTHORIZATION) && same.headers().contains_key(COOKIE));
        for other in ["http://b.test/x", "http://a.test:8080/x", "https://a.test/x"] {
            let next = followed(307, other);
            assert!(!next.headers().contains_key(AUTHORIZATION), "{other}");
            assert!(!next.headers().contains_key(COOKIE), "{other}");
        }
    }

    #[test]
    fn some_redirects_turn_a_post_into_a_get() {
        for (status, method) in [
            (301, "GET"),
            (302, "GET"),
            (303, "GET"),
            (307, "POST"),
            (308, "POST"),
        ] {
            let next = followed(status, "http://a.test/y");
            assert_eq!(next.method().as_str(), method, "{status}");
            assert_eq!(next.body().is_some(), method == "POST", "{status}");
            assert_eq!(
                next.headers().contains_key(CONTENT_TYPE),
                method == "POST",
                "{status}"
            );
        }
    }

    #[test]
    fn other_schemes_are_not_followed() {
        let url = Url::parse("ftp://a.test/").unwrap();
        assert!(follow(&request(), StatusCode::FOUND, url).is_err());
    }
}

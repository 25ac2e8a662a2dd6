//! Endpoints, one for each service of the host among them, and an interceptor.

use std::time::Duration;

use lavalink_plugin_api::{
    Endpoint, Failure, Hint, Host, HttpRequest, Interceptor, Level, Media, RestError, RestHead, RestRequest,
    RestResponse, Routes, Verdict,
};
use serde_json::{Value, json};

use crate::{DIARY, hang, note};

/// The endpoints, in the order of their indices.
const ENDPOINTS: [(&str, &str); 12] = [
    ("GET", "/v4/ext/echo/{word}"),
    ("POST", "/v4/ext/echo/{word}"),
    ("GET", "/v4/ext/refuse"),
    ("GET", "/v4/ext/panic"),
    ("GET", "/v4/ext/nonsense"),
    ("GET", "/v4/ext/diary"),
    ("POST", "/v4/ext/host/{service}"),
    ("GET", "/v4/info"),
    ("GET", "/v4/ext/huge/{bytes}"),
    ("GET", "/v4/ext/verbose"),
    ("GET", "/v4/ext/files/{*rest}"),
    ("GET", "/v4/ext/hang"),
];

/// More than the node takes of an answer, and less than an instance of a component has memory for.
const TOO_MUCH: usize = 40 << 20;

pub struct Desk;

impl Routes for Desk {
    fn endpoints(&self) -> Vec<Endpoint> {
        let endpoints = ENDPOINTS.iter().map(|(method, path)| Endpoint {
            method: (*method).to_owned(),
            path: (*path).to_owned(),
        });
        endpoints.collect()
    }

    fn handle(
        &self,
        host: &dyn Host,
        endpoint: u32,
        request: RestRequest,
    ) -> Result<RestResponse, RestError> {
        match endpoint {
            0 | 1 => Ok(echo(&request)),
            2 => Err(RestError::new(418, "I am a teapot")),
            3 => panic!("an endpoint that panics"),
            4 => Ok(RestResponse {
                status: 99,
                headers: Vec::new(),
                body: Vec::new(),
            }),
            5 => Ok(RestResponse::json(json!(*DIARY.lock()).to_string())),
            6 => {
                let service = request.parameters.first().map_or("", |(_, value)| value);
                let body = serde_json::from_slice(&request.body)
                    .map_err(|error| RestError::new(400, error.to_string()))?;
                let answer = serve(host, service, &body)?;
                Ok(RestResponse::json(answer.to_string()))
            }
            8 => {
                let bytes = request.parameters[0].1.parse();
                let bytes = bytes.map_err(|error| RestError::new(400, format!("{error}")))?;
                Ok(huge(bytes))
            }
            9 => Err(RestError::new(418, "I am a teapot. ".repeat(100_000))),
            10 => Ok(echo(&request)),
            11 => hang(),
            _ => Ok(RestResponse::json("\"a path of the node's own\"")),
        }
    }
}

/// An answer of so many bytes. They are zeroes, which cost a library no memory until somebody looks at them.
fn huge(bytes: usize) -> RestResponse {
    RestResponse {
        status: 200,
        headers: Vec::new(),
        body: vec![0; bytes],
    }
}

fn echo(request: &RestRequest) -> RestResponse {
    let headers = request.head.headers.iter();
    let mut response = RestResponse::json(
        json!({
            "method": request.head.method,
            "path": request.head.path,
            "query": request.head.query,
            "headers": headers.map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            "word": request.parameters[0].1,
            "body": String::from_utf8_lossy(&request.body),
        })
        .to_string(),
    );
    response.headers.push(("x-ext".to_owned(), b"here".to_vec()));
    response
        .headers
        .push(("content-length".to_owned(), b"3".to_vec()));
    response.headers.push(("bad header".to_owned(), b"x".to_vec()));
    response
}

fn serve(host: &dyn Host, service: &str, body: &Value) -> Result<Value, Failure> {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let guild = body["guild"].as_u64().unwrap_or_default();
    Ok(match service {
        "load" => {
            let (source, loaded) = host.load(text("identifier"))?;
            json!([source, format!("{loaded:?}")])
        }
        "set" => {
            host.store_set(text("key"), text("value").as_bytes())?;
            Value::Null
        }
        "get" => {
            let value = host.store_get(text("key"))?;
            json!(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
        }
        "delete" => {
            host.store_delete(text("key"))?;
            Value::Null
        }
        "random" => json!([host.random(32), host.random(1 << 20).len()]),
        "enabled" => json!([host.enabled(Level::Error), host.enabled(Level::Trace)]),
        "sessions" => {
            let sessions = host.sessions().into_iter();
            json!(sessions.map(|session| session.session_id).collect::<Vec<_>>())
        }
        "send" => {
            host.send_event(text("session"), text("message"))?;
            Value::Null
        }
        "player" => json!(host.player(text("session"), guild)),
        "update" => json!(host.update_player(text("session"), guild, text("update"))?),
        "marker" => {
            let position = Duration::from_millis(body["position"].as_u64().unwrap_or_default());
            host.add_marker(text("session"), guild, position, text("marker"))?;
            Value::Null
        }
        "fetch" => {
            let mut answer = host.fetch(HttpRequest::get(text("url")))?;
            let mut body = Vec::new();
            loop {
                let more = answer.read(1000)?;
                if more.is_empty() {
                    break;
                }
                body.extend(more);
            }
            json!([
                answer.status(),
                answer.header("content-type"),
                answer.url(),
                body.len()
            ])
        }
        "probe" => {
            let media = Media::Http {
                request: HttpRequest::get(text("url")),
                expires: None,
                length: None,
                hint: Hint::default(),
            };
            json!(format!("{:?}", host.probe(media)?))
        }
        "cache" => {
            let before = host.cache_get(text("key"));
            host.cache_set(text("key"), text("value").as_bytes(), Duration::from_secs(60));
            json!(before.map(|value| String::from_utf8_lossy(&value).into_owned()))
        }
        "clock" => {
            let (begun, now) = (host.monotonic_ns(), host.now_unix_ms());
            host.sleep(Duration::from_millis(20))?;
            json!([now, host.monotonic_ns() - begun])
        }
        "config" => json!(host.config()),
        other => return Err(Failure::common(format!("no service {other}"))),
    })
}

/// Does to a request what its header `x-ext` says.
pub struct Doorman;

impl Interceptor for Doorman {
    fn before(&self, _: &dyn Host, request: &RestHead) -> Result<Verdict, Failure> {
        let wish = request.headers.iter().find(|(name, _)| name == "x-ext");
        match wish.map(|(_, value)| &value[..]) {
            Some(b"refuse") => Ok(Verdict::Refuse(RestError::new(403, "not today"))),
            Some(b"answer") => Ok(Verdict::Answer(RestResponse::json("{\"intercepted\":true}"))),
            Some(b"huge") => Ok(Verdict::Answer(huge(TOO_MUCH))),
            Some(b"verbose") => Ok(Verdict::Refuse(RestError::new(403, "no ".repeat(100_000)))),
            Some(b"fail") => Err(Failure::common("an interceptor that fails")),
            Some(b"panic") => panic!("an interceptor that panics"),
            Some(b"hang") => hang(),
            _ => Ok(Verdict::Proceed),
        }
    }

    fn after(&self, host: &dyn Host, request: &RestHead, status: u16) -> Result<(), Failure> {
        let told = format!("after {} {} {status}", request.method, request.path);
        if request.path == "/v4/websocket" {
            host.log(Level::Info, &told);
        }
        if !request.path.starts_with("/v4/ext/diary") {
            note(told);
        }
        Ok(())
    }
}

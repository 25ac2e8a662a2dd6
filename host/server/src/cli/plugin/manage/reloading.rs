//! Asks the node that runs with this configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use lavalink_net::{EgressRules, NetError, Request};
use serde_json::Value;

use super::{ManageError, Outcome};
use crate::client::LazyClient;
use crate::config::Config;

/// Time for the node to load a plugin: compiling a component may take half a minute.
const TIME: Duration = Duration::from_secs(120);

/// Most bytes of the answer.
const MAX_ANSWER: u64 = 64 * 1024;

/// Bytes read at once.
const PIECE: usize = 16 * 1024;

/// Has the node load a plugin again and tells what it says.
pub async fn reload(config: &Config, name: &str) -> Result<Outcome, ManageError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(ManageError::Name(name.to_owned()));
    }
    if config.is_password_generated {
        return Err(ManageError::NoPassword);
    }
    let address = SocketAddr::new(reachable(config.server.address), config.server.port);
    let (status, answer) = ask(config, address, name).await?;
    let text = |member: &str| {
        answer
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or("none")
            .to_owned()
    };
    Ok(if status == 200 {
        Outcome {
            text: format!(
                "{}: {} (version {}, before {})\n",
                text("name"),
                text("state"),
                text("version"),
                text("previousVersion")
            ),
            is_bad: false,
        }
    } else {
        Outcome {
            text: format!("The node answers {status}: {}\n", text("message")),
            is_bad: true,
        }
    })
}

async fn ask(config: &Config, address: SocketAddr, name: &str) -> Result<(u16, Value), ManageError> {
    let scheme = if config.server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut outgoing = config.outgoing.clone();
    outgoing.proxy = None;
    outgoing.read_timeout = TIME;
    let url_host = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let rules = EgressRules {
        trusted_hosts: vec![url_host],
        ..EgressRules::default()
    };
    let client = LazyClient::new(&outgoing, &rules, None)
        .get()
        .map_err(ManageError::Client)?;
    let prefix = &config.server.context_path;
    let mut request = Request::get(format!("{scheme}://{address}{prefix}/v4/plugins/{name}/reload"));
    request.method = "POST".to_owned();
    request.follow_redirects = false;
    request.max_bytes = Some(MAX_ANSWER);
    request.headers = vec![(
        "authorization".to_owned(),
        config.password.expose().as_bytes().to_vec(),
    )];
    let failed = |error: NetError| ManageError::Node {
        address: address.to_string(),
        error,
    };
    let mut response = client.fetch(request).await.map_err(failed)?;
    let mut body = Vec::new();
    loop {
        let bytes = response.chunk(PIECE).await.map_err(failed)?;
        if bytes.is_empty() {
            break;
        }
        body.extend_from_slice(&bytes);
    }
    Ok((
        response.status(),
        serde_json::from_slice(&body).unwrap_or_default(),
    ))
}

/// An address by which this machine reaches a server that is bound to this one.
fn reachable(bound: IpAddr) -> IpAddr {
    match bound {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

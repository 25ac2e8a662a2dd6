//! Opening the gateway's WebSocket and writing to it, always with a deadline.

use std::{error::Error as _, time::Duration};

use futures_util::SinkExt;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{self, Message, http::Uri, protocol::WebSocketConfig},
};

use super::{dial::dial, tls::TlsSettings, url::gateway_url};
use crate::error::VoiceError;

/// A WebSocket to a voice gateway.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Time for name lookup, TCP, TLS and the WebSocket upgrade together.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Time the peer has to take a message off our hands.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// Port of an endpoint that names none.
const DEFAULT_PORT: u16 = 443;

/// Largest message accepted, in bytes. A welcome into a group of a thousand is about a third of this.
const MAX_MESSAGE: usize = 1 << 20;

/// Connects to the gateway of `endpoint`.
pub(crate) async fn open(endpoint: &str, tls: &TlsSettings) -> Result<Socket, VoiceError> {
    let url = gateway_url(endpoint)?;
    let connect = async {
        let connector = Connector::Rustls(tls.get().await?);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE))
            .read_buffer_size(4 << 10)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_MESSAGE);
        // In a box of its own, so that what only connecting needs is not kept for as long as the connection lives.
        Box::pin(upgrade(&url, config, connector))
            .await
            .map_err(|error| VoiceError::Connect {
                endpoint: endpoint.to_owned(),
                why: error
                    .source()
                    .map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
            })
    };
    let too_late = |_| VoiceError::Timeout {
        endpoint: endpoint.to_owned(),
        limit: CONNECT_LIMIT,
    };
    timeout(CONNECT_LIMIT, connect).await.map_err(too_late)?
}

async fn upgrade(
    url: &str,
    config: WebSocketConfig,
    connector: Connector,
) -> Result<Socket, tungstenite::Error> {
    let uri: Uri = url.parse()?;
    let host = uri
        .host()
        .ok_or(tungstenite::error::UrlError::NoHostName)?
        .to_owned();
    let stream = dial(&host, uri.port_u16().unwrap_or(DEFAULT_PORT)).await?;
    client_async_tls_with_config(uri, stream, Some(config), Some(connector))
        .await
        .map(|(socket, _)| socket)
}

/// Sends one message; the text of the error says why the connection is lost.
pub(crate) async fn send(socket: &mut Socket, message: Message) -> Result<(), String> {
    match timeout(SEND_LIMIT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("the gateway took no message for {SEND_LIMIT:?}")),
    }
}

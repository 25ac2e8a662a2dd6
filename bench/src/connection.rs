//! One kept HTTP connection to a node, for requests whose own cost must not show.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::node::{Node, PASSWORD};

/// A connection; closed on drop.
#[derive(Debug)]
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When the node does not accept it.
    pub async fn open(node: &Node) -> Result<Self> {
        let host = node.address();
        let stream = TcpStream::connect(&host).await.context("the node refuses")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what went wrong is told to whoever waits for an answer.
        tokio::spawn(connection);
        Ok(Self { sender, host })
    }

    /// Sends a request, with JSON unless `body` is empty, and returns the body of the answer.
    ///
    /// # Errors
    /// When there is no answer, or its status is not 2xx.
    pub async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, PASSWORD);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!(
                "{path} was answered with {status}: {}",
                String::from_utf8_lossy(&body)
            );
        }
        Ok(body)
    }
}

//! Clients that send what nobody should, too much of it, too slowly, or never read: each gets an answer or is cut off,
//! and the others are served.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use lavalink_blackbox::{Node, NodeOptions, Rest, node::PASSWORD};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// How long the node may take to get rid of somebody.
const PATIENCE: Duration = Duration::from_secs(180);

async fn connect(node: &Node) -> TcpStream {
    TcpStream::connect(node.address())
        .await
        .expect("the node accepts")
}

/// Sends raw bytes and returns the answer up to the end of the connection.
async fn raw(node: &Node, request: &[u8]) -> String {
    let mut stream = connect(node).await;
    stream.write_all(request).await.expect("the node takes the bytes");
    read_all(&mut stream).await
}

/// Whatever comes until the node closes the connection.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = timeout(PATIENCE, stream.read_to_end(&mut answer));
    // A reset is an end as well.
    let _end = reading.await.expect("the node closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn assert_alive(rest: &Rest) {
    assert_eq!(rest.get("/v4/info").await.status, 200);
}

#[tokio::test]
async fn requests_that_are_too_much() {
    let mut node = Node::start(NodeOptions::default()).await;
    let (rest, socket) = (node.rest(), node.socket().await);
    let player = socket.player(1);

    let huge = |size: usize| format!("[\"{}\"]", "A".repeat(size));
    for (method, path, size, status) in [
        (Method::PATCH, player.as_str(), 20 << 20, 413),
        (Method::POST, "/v4/decodetracks", 20 << 20, 500),
        (Method::POST, "/v4/decodetracks", 50 << 20, 413),
    ] {
        let request = rest
            .request(method, path)
            .header("Content-Type", "application/json");
        let answer = rest.send(request.body(huge(size))).await;
        assert_eq!(answer.status, status, "{path} {size}: {}", answer.text);
    }

    let track = "QAAAdQMADVVua25vd24gdGl0bGUADlVua25vd24gYXJ0aXN0AAAAAAAA7zIAGWh0dHBzOi8vZXhhbXBsZS5vcmcvYS5tcDMAAQAZaHR0cHM6Ly9leGFtcGxlLm9yZy9hLm1wMwAAAARodHRwAANtcDMAAAAAAAAAAA==";
    let many = json!(vec![""; 100_000]);
    let answer = rest.post("/v4/decodetracks", &many).await;
    assert_eq!(
        (answer.status, answer.message().as_str()),
        (500, "No message available")
    );
    let many = json!(vec![track; 100_000]);
    let answer = rest.post("/v4/decodetracks", &many).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().as_array().map(Vec::len), Some(100_000));

    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for body in [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!("{{\"track\":{{\"userData\":{{\"a\":{}}}}}}}", deep("[", "]")),
        format!("{{\"unknown\":{}}}", deep("[", "]")),
    ] {
        let answer = rest.patch_text(&player, &body).await;
        assert_eq!((answer.status, answer.message().as_str()), (400, "Bad Request"));
    }

    // As in Java, what is no UTF-8 becomes a replacement character.
    let mut body = br#"{"track":{"userData":{"a":"?"}}}"#.to_vec();
    let at = body.iter().position(|b| *b == b'?').expect("there");
    body[at] = 0xff;
    let request = rest.request(Method::PATCH, &player);
    let answer = rest
        .send(
            request
                .header("Content-Type", "application/json")
                .body(body.clone()),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    body[0] = 0xff;
    let request = rest.request(Method::PATCH, &player);
    let answer = rest
        .send(request.header("Content-Type", "application/json").body(body))
        .await;
    assert_eq!(answer.status, 400);

    // Heads that are no heads.
    for request in [
        format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200 << 10)),
        format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(200 << 10)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(10_000)),
        "GET /v4/info HTTP/9.9\r\n\r\n".to_owned(),
        "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
        "PATCH / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_owned(),
        "PATCH / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
    ] {
        let answer = raw(&node, request.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{:.100}: {answer:.200}",
            request
        );
    }
    assert_alive(&rest).await;
    assert!(node.is_running());
}

#[tokio::test]
async fn targets_that_have_to_be_escaped() {
    let node = Node::start(NodeOptions::default()).await;
    for character in ["\"", "<", ">", "\\", "^", "`", "{", "}", "|", "\u{fc}", "#"] {
        let request = format!(
            "GET /v4/loadtracks?identifier=a{character}b HTTP/1.1\r\nHost: a\r\nAuthorization: {PASSWORD}\r\nConnection: \
             close\r\n\r\n"
        );
        let answer = raw(&node, request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 400"), "{character:?}: {answer}");
        assert_eq!(body, "", "{character:?}");
    }
}

/// A WebSocket connection made by hand, so that its receive buffer is as small as can be.
async fn websocket(node: &Node, receive_buffer: Option<u32>) -> (WebSocketStream<TcpStream>, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).expect("a size");
    }
    let address = node.address().parse().expect("an address");
    let stream = socket.connect(address).await.expect("the node accepts");
    let mut request = format!("ws://{}/v4/websocket", node.address())
        .into_client_request()
        .expect("a URL");
    let headers = request.headers_mut();
    headers.insert("Authorization", PASSWORD.parse().expect("a header"));
    headers.insert("User-Id", "1".parse().expect("a header"));
    let (mut stream, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .expect("the node accepts");
    let ready = stream.next().await.expect("ready").expect("ready");
    let ready: serde_json::Value = serde_json::from_str(ready.to_text().expect("text")).expect("JSON");
    (stream, ready["sessionId"].as_str().expect("an id").to_owned())
}

async fn close_code(mut stream: WebSocketStream<TcpStream>) -> Option<u16> {
    loop {
        match timeout(PATIENCE, stream.next()).await.expect("an end")? {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

#[tokio::test]
async fn frames_nobody_wants() {
    let node = Node::start(NodeOptions::default()).await;
    let (mut stream, _) = websocket(&node, None).await;
    stream.send(Message::binary(vec![1, 2, 3])).await.expect("sent");
    assert_eq!(close_code(stream).await, Some(1003));

    let (mut stream, _) = websocket(&node, None).await;
    stream
        .send(Message::text(r#"{"op":"play"}"#))
        .await
        .expect("sent");
    stream
        .send(Message::text("a".repeat(100_000)))
        .await
        .expect("sent");
    assert_eq!(close_code(stream).await, Some(1009), "too long");

    // A frame that says it is longer than anybody's memory.
    let (mut stream, _) = websocket(&node, None).await;
    let head = [&[0x81, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    stream.get_mut().write_all(&head).await.expect("sent");
    assert!(matches!(close_code(stream).await, Some(1002 | 1009)));

    // Many small pieces of one message.
    let (mut stream, _) = websocket(&node, None).await;
    let piece = |opcode: u8| {
        [
            &[opcode, 0xfe][..],
            &1000_u16.to_be_bytes(),
            &[0; 4],
            &[b'a'; 1000],
        ]
        .concat()
    };
    stream.get_mut().write_all(&piece(1)).await.expect("sent");
    for _ in 0..200 {
        if stream.get_mut().write_all(&piece(0)).await.is_err() {
            break;
        }
    }
    assert!(matches!(close_code(stream).await, Some(1009) | None));
    assert_alive(&node.rest()).await;
    assert!(node.log().contains("takes none, it is ignored"));
}

#[tokio::test]
async fn a_thousand_clients_that_never_read() {
    const CLIENTS: usize = 1000;
    let mut node = Node::start(NodeOptions {
        plugins: vec!["lavalink_test_plugin_catalogue"],
        ..NodeOptions::default()
    })
    .await;
    let rest = node.rest();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(websocket(&node, Some(4096)).await);
    }
    // Each gets more than the kernel holds for it: events with a large userData.
    let user_data = "x".repeat(150_000);
    let body = json!({"track": {
        "identifier": "https://www.youtube.com/watch?v=aBcDeFgHiJk", "userData": {"x": user_data},
    }});
    let body = body.to_string();
    let mut talkers = tokio::task::JoinSet::new();
    for chunk in clients.chunks(CLIENTS / 8) {
        let (rest, body) = (rest.clone(), body.clone());
        let ids: Vec<String> = chunk.iter().map(|(_, id)| id.clone()).collect();
        talkers.spawn(async move {
            for id in ids {
                for _ in 0..2 {
                    let path = format!("/v4/sessions/{id}/players/1");
                    let answer = rest.patch_text(&path, &body).await;
                    // A client may have been cut off already.
                    assert!(matches!(answer.status, 200 | 404), "{}", answer.text);
                }
            }
        });
    }
    while let Some(outcome) = talkers.join_next().await {
        outcome.expect("the node answers");
    }
    let resident = resident_bytes(node.pid());
    assert!(resident < 1 << 30, "{resident} bytes for {CLIENTS} deaf clients");

    let deadline = Instant::now() + PATIENCE;
    let cut_off = |node: &Node| {
        let log = node.log();
        log.matches("does not read its messages").count()
            + log.matches("reads its messages too slowly").count()
    };
    while cut_off(&node) < CLIENTS {
        assert!(Instant::now() < deadline, "{} cut off", cut_off(&node));
        assert_alive(&rest).await;
        sleep(Duration::from_millis(200)).await;
    }
    let deadline = Instant::now() + PATIENCE;
    while rest.get("/v4/stats").await.json()["players"] != 0 {
        assert!(Instant::now() < deadline, "their players are still there");
        sleep(Duration::from_millis(200)).await;
    }
    drop(clients);
    assert!(node.is_running());
}

fn resident_bytes(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("Linux");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .expect("a number");
    pages * 4096
}

/// Everything slow at the same time.
#[tokio::test]
async fn clients_that_take_minutes() {
    let node = Node::start(NodeOptions::default()).await;
    tokio::join!(
        silent(&node),
        slow_head(&node),
        slow_body(&node),
        answer_not_read(&node),
        async {
            // The others are served all the while.
            for _ in 0..30 {
                assert_alive(&node.rest()).await;
                sleep(Duration::from_secs(2)).await;
            }
        }
    );
}

/// Many connections that say nothing at all.
async fn silent(node: &Node) {
    let mut streams = Vec::new();
    for _ in 0..500 {
        streams.push(connect(node).await);
    }
    for stream in &mut streams {
        assert_eq!(read_all(stream).await, "");
    }
}

/// One byte of the head at a time.
async fn slow_head(node: &Node) {
    let mut stream = connect(node).await;
    let begun = Instant::now();
    let head = format!("GET /version HTTP/1.1\r\nx: {}", "y".repeat(10_000));
    for byte in head.bytes() {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "the head never ends");
        sleep(Duration::from_millis(500)).await;
    }
}

/// One byte of the body at a time.
async fn slow_body(node: &Node) {
    let mut stream = connect(node).await;
    let head = format!(
        "POST /v4/decodetracks HTTP/1.1\r\nHost: a\r\nAuthorization: {PASSWORD}\r\nContent-Type: \
         application/json\r\nContent-Length: 10000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (mut reading, mut writing) = stream.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(500)).await;
        }
    });
    let mut answer = vec![0; 512];
    let length = timeout(PATIENCE, reading.read(&mut answer))
        .await
        .expect("an answer in time")
        .expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drip.abort();
}

/// A large answer that nobody takes.
async fn answer_not_read(node: &Node) {
    let track = "QAAAdQMADVVua25vd24gdGl0bGUADlVua25vd24gYXJ0aXN0AAAAAAAA7zIAGWh0dHBzOi8vZXhhbXBsZS5vcmcvYS5tcDMAAQAZaHR0cHM6Ly9leGFtcGxlLm9yZy9hLm1wMwAAAARodHRwAANtcDMAAAAAAAAAAA==";
    let body = json!(vec![track; 20_000]).to_string();
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    let address = node.address().parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("the node accepts");
    let head = format!(
        "POST /v4/decodetracks HTTP/1.1\r\nHost: a\r\nAuthorization: {PASSWORD}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(body.as_bytes()).await.expect("sent");
    let deadline = Instant::now() + PATIENCE;
    while !node.log().contains("does not read what it is sent") {
        assert!(Instant::now() < deadline, "nobody notices");
        sleep(Duration::from_millis(500)).await;
    }
}

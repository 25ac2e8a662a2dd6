//! IP discovery: asks the voice server which address our packets come from, which also opens the NAT mapping.

use std::{io, net::IpAddr, net::SocketAddr, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

/// Bytes of a request and of its answer.
const PACKET_BYTES: usize = 74;

/// Bytes behind the length field.
const BODY_BYTES: u16 = 70;

const REQUEST: u16 = 1;
const RESPONSE: u16 = 2;

/// How long each try waits for an answer.
const TRIES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
];

/// Why a datagram is not the answer to a discovery request.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    #[error("it has {0} bytes instead of 74")]
    Size(usize),
    #[error("its type is {0} instead of 2")]
    Kind(u16),
    #[error("its length field is {0} instead of 70")]
    Length(u16),
    #[error("it is for SSRC {0}")]
    Ssrc(u32),
    #[error("its address is not an IP address")]
    Address,
}

/// The request for `ssrc`.
pub(crate) fn request(ssrc: u32) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[..2].copy_from_slice(&REQUEST.to_be_bytes());
    packet[2..4].copy_from_slice(&BODY_BYTES.to_be_bytes());
    packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

/// Reads an answer: our address as the server sees it.
pub(crate) fn parse(packet: &[u8], ssrc: u32) -> Result<SocketAddr, DiscoveryError> {
    let packet: &[u8; PACKET_BYTES] = packet
        .try_into()
        .map_err(|_| DiscoveryError::Size(packet.len()))?;
    let kind = u16::from_be_bytes([packet[0], packet[1]]);
    if kind != RESPONSE {
        return Err(DiscoveryError::Kind(kind));
    }
    let length = u16::from_be_bytes([packet[2], packet[3]]);
    if length != BODY_BYTES {
        return Err(DiscoveryError::Length(length));
    }
    let answered = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
    if answered != ssrc {
        return Err(DiscoveryError::Ssrc(answered));
    }
    let text = packet[8..72].split(|&byte| byte == 0).next().unwrap_or_default();
    let address: IpAddr = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(DiscoveryError::Address)?;
    Ok(SocketAddr::new(
        address,
        u16::from_be_bytes([packet[72], packet[73]]),
    ))
}

/// Asks for our address over `socket`, which is connected to the voice server. Takes 3.7 s at most.
///
/// When no answer comes, the socket's own address is returned: we only send, and the address serves receiving.
pub(crate) async fn discover(socket: &UdpSocket, ssrc: u32) -> io::Result<SocketAddr> {
    for wait in TRIES {
        if let Err(error) = socket.send(&request(ssrc)).await {
            tracing::debug!(%error, "could not send the IP discovery request");
        }
        if let Ok(address) = timeout(wait, answer(socket, ssrc)).await {
            return Ok(address);
        }
    }
    let local = socket.local_addr()?;
    tracing::warn!(%local, "no answer to IP discovery; telling the voice server the local address");
    Ok(local)
}

/// Waits for the answer; anything else that arrives is passed over.
async fn answer(socket: &UdpSocket, ssrc: u32) -> SocketAddr {
    let mut datagram = [0; 256];
    loop {
        match socket.recv(&mut datagram).await {
            Ok(length) => match parse(&datagram[..length], ssrc) {
                Ok(address) => return address,
                Err(why) => tracing::trace!(%why, "datagram is not the discovery answer"),
            },
            // An ICMP refusal is reported once per packet sent; a short pause keeps other errors from spinning.
            Err(error) => {
                tracing::debug!(%error, "receiving the discovery answer");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(ssrc: u32, address: &str, port: u16) -> Vec<u8> {
        let mut packet = request(ssrc).to_vec();
        packet[1] = 2;
        packet[8..8 + address.len()].copy_from_slice(address.as_bytes());
        packet[72..].copy_from_slice(&port.to_be_bytes());
        packet
    }

    #[test]
    fn request_layout() {
        let packet = request(0xDEAD_BEEF);
        assert_eq!(packet[..8], [0, 1, 0, 70, 0xDE, 0xAD, 0xBE, 0xEF]);
        assert!(packet[8..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn reads_both_address_families() {
        let v4 = parse(&response(9, "203.0.113.7", 50_001), 9);
        assert_eq!(v4, Ok("203.0.113.7:50001".parse().unwrap()));
        let v6 = parse(&response(9, "2001:db8::1", 80), 9);
        assert_eq!(v6, Ok("[2001:db8::1]:80".parse().unwrap()));
    }

    #[test]
    fn refuses_what_is_not_the_answer() {
        let good = response(9, "203.0.113.7", 1);
        assert_eq!(parse(&good, 8), Err(DiscoveryError::Ssrc(9)));
        assert_eq!(parse(&request(9), 9), Err(DiscoveryError::Kind(1)));
        assert_eq!(parse(&good[..73], 9), Err(DiscoveryError::Size(73)));
        let mut short = good.clone();
        short[3] = 69;
        assert_eq!(parse(&short, 9), Err(DiscoveryError::Length(69)));
        assert_eq!(
            parse(&response(9, "example.org", 1), 9),
            Err(DiscoveryError::Address)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), ssrc: u32) {
            let _ = parse(&bytes, ssrc);
        }

        #[test]
        fn any_body_is_survived(body: [u8; 32], ssrc: u32) {
            let mut packet = response(ssrc, "", 1);
            packet[8..40].copy_from_slice(&body);
            packet[40..72].copy_from_slice(&body);
            let _ = parse(&packet, ssrc);
        }

        #[test]
        fn answers_round_trip(address: std::net::Ipv6Addr, port: u16, ssrc: u32) {
            let parsed = parse(&response(ssrc, &address.to_string(), port), ssrc).unwrap();
            prop_assert_eq!(parsed, SocketAddr::new(address.into(), port));
        }
    }

    #[tokio::test]
    async fn passes_over_strangers_and_survives_a_lost_request() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(server.local_addr().unwrap()).await.unwrap();
        let expected = client.local_addr().unwrap();
        let fake = tokio::spawn(async move {
            let mut datagram = [0; 100];
            server.recv_from(&mut datagram).await.unwrap();
            let (length, from) = server.recv_from(&mut datagram).await.unwrap();
            assert_eq!(datagram[..length], request(77));
            server.send_to(b"noise", from).await.unwrap();
            server.send_to(&response(78, "192.0.2.1", 1), from).await.unwrap();
            server
                .send_to(&response(77, &from.ip().to_string(), from.port()), from)
                .await
                .unwrap();
        });
        assert_eq!(discover(&client, 77).await.unwrap(), expected);
        fake.await.unwrap();
    }
}

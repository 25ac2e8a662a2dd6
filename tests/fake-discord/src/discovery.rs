//! IP discovery: 74 bytes, `type u16 | 70 u16 | ssrc u32 | address[64], NUL-terminated | port u16`, big endian.

use std::net::SocketAddr;

/// Length of request and response, bytes.
pub(crate) const LENGTH: usize = 74;
const REQUEST: u16 = 1;
const RESPONSE: u16 = 2;
/// Value of the length field: what follows it.
const BODY: u16 = 70;

/// The SSRC of a discovery request, if the datagram is one.
pub(crate) fn parse_request(datagram: &[u8]) -> Option<u32> {
    let datagram: &[u8; LENGTH] = datagram.try_into().ok()?;
    let field = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
    (field(0) == REQUEST && field(2) == BODY)
        .then(|| u32::from_be_bytes([datagram[4], datagram[5], datagram[6], datagram[7]]))
}

/// The answer telling a client its address as seen from here.
pub(crate) fn response(ssrc: u32, peer: SocketAddr) -> [u8; LENGTH] {
    let mut datagram = [0; LENGTH];
    datagram[..2].copy_from_slice(&RESPONSE.to_be_bytes());
    datagram[2..4].copy_from_slice(&BODY.to_be_bytes());
    datagram[4..8].copy_from_slice(&ssrc.to_be_bytes());
    let address = peer.ip().to_string();
    // The longest textual IP address has 45 bytes, so the terminating NUL always fits.
    for (byte, text) in datagram[8..71].iter_mut().zip(address.bytes()) {
        *byte = text;
    }
    datagram[72..].copy_from_slice(&peer.port().to_be_bytes());
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_recognised_by_type_length_and_size() {
        let mut request = [0; LENGTH];
        request[1] = 1;
        request[3] = 70;
        request[4..8].copy_from_slice(&0xDEAD_BEEFu32.to_be_bytes());
        assert_eq!(parse_request(&request), Some(0xDEAD_BEEF));
        assert_eq!(parse_request(&request[..73]), None);
        request[1] = 2;
        assert_eq!(parse_request(&request), None);
        request[1] = 1;
        request[3] = 71;
        assert_eq!(parse_request(&request), None);
    }

    #[test]
    fn response_names_the_peer() {
        let answer = response(7, "203.0.113.9:50123".parse().unwrap());
        assert_eq!(answer[..8], [0, 2, 0, 70, 0, 0, 0, 7]);
        assert_eq!(&answer[8..20], b"203.0.113.9\0");
        assert_eq!(u16::from_be_bytes([answer[72], answer[73]]), 50_123);
        let answer = response(7, "[2001:db8::1]:1".parse().unwrap());
        assert_eq!(&answer[8..20], b"2001:db8::1\0");
    }
}

//! Answers of Shoutcast v1 servers: HTTP but for a status line that begins with `ICY`.

/// Most bytes of such a header.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The head of an `ICY` answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Status code.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes the head takes up, the empty line included.
    pub len: usize,
}

/// What the bytes received so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The whole head is there.
    Complete(Head),
    /// More bytes are needed.
    Partial,
    /// This is something else.
    Malformed,
}

const PREFIX: &[u8] = b"ICY ";

/// Reads a head off the front of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let known = bytes.len().min(PREFIX.len());
    if bytes[..known] != PREFIX[..known] {
        return Parsed::Malformed;
    }
    let mut status = None;
    let mut headers = Vec::new();
    let mut start = 0;
    while let Some(length) = bytes[start..].iter().position(|&byte| byte == b'\n') {
        let line = bytes[start..start + length].trim_ascii_end();
        start += length + 1;
        match status {
            None => match status_of(line) {
                Some(code) => status = Some(code),
                None => return Parsed::Malformed,
            },
            Some(status) if line.is_empty() => {
                return Parsed::Complete(Head {
                    status,
                    headers,
                    len: start,
                });
            }
            Some(_) => headers.extend(field_of(line)),
        }
    }
    if bytes.len() > MAX_HEAD_BYTES {
        Parsed::Malformed
    } else {
        Parsed::Partial
    }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let digits = line.strip_prefix(PREFIX)?.trim_ascii_start().get(..3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (100..600).contains(&code).then_some(code)
}

/// `None` for a line without a colon, which real servers send and everybody skips.
fn field_of(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let name = std::str::from_utf8(&line[..colon])
        .ok()?
        .trim()
        .to_ascii_lowercase();
    Some((name, line[colon + 1..].trim_ascii().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: &[u8] =
        b"ICY 200 OK\r\nicy-name: Caf\xe9 Radio\r\nno colon\r\nContent-Type:audio/mpeg\r\n\r\n\xff\xfb";

    #[test]
    fn a_whole_head_is_read() {
        let Parsed::Complete(head) = parse(ANSWER) else {
            panic!("not complete")
        };
        assert_eq!(head.status, 200);
        assert_eq!(
            head.headers[0],
            ("icy-name".to_owned(), b"Caf\xe9 Radio".to_vec())
        );
        assert_eq!(
            head.headers[1],
            ("content-type".to_owned(), b"audio/mpeg".to_vec())
        );
        assert_eq!(&ANSWER[head.len..], b"\xff\xfb");
    }

    #[test]
    fn every_prefix_asks_for_more() {
        for cut in 0..ANSWER.len() - 2 {
            assert_eq!(parse(&ANSWER[..cut]), Parsed::Partial, "cut at {cut}");
        }
    }

    #[test]
    fn other_protocols_and_endless_heads_are_refused() {
        for bytes in [
            &b"SSH-2.0-OpenSSH\r\n"[..],
            b"ICY x\r\n",
            b"ICY 999 OK\r\n",
            b"HTTP/1.1 200 OK\r\n",
        ] {
            assert_eq!(parse(bytes), Parsed::Malformed);
        }
        let endless = [&b"ICY 200 OK\r\n"[..], &vec![b'a'; MAX_HEAD_BYTES]].concat();
        assert_eq!(parse(&endless), Parsed::Malformed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), icy: bool) {
            let bytes = if icy { [&b"ICY 200 OK\r\n"[..], &bytes].concat() } else { bytes };
            if let Parsed::Complete(head) = parse(&bytes) {
                prop_assert!(head.len <= bytes.len());
            }
        }
    }
}

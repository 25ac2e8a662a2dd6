//! Messages of the voice gateway, written and read.

use lavalink_protocol::ids::{ChannelId, GuildId, UserId};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn info() -> VoiceInfo {
    VoiceInfo {
        guild_id: GuildId(11),
        user_id: UserId(22),
        channel_id: ChannelId(33),
        session_id: "session".into(),
        token: "token".into(),
        endpoint: "localhost".into(),
    }
}

fn value(message: Message) -> Value {
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

fn incoming(text: &str) -> Incoming {
    parse_text(text).unwrap().message.unwrap()
}

#[test]
fn outgoing_shapes() {
    assert_eq!(
        value(identify(&info())),
        json!({"op": 0, "d": {"server_id": "11", "user_id": "22", "session_id": "session", "token": "token",
            "video": true, "max_dave_protocol_version": 1}})
    );
    assert_eq!(
        value(resume(&info(), -1)),
        json!({"op": 7, "d": {"server_id": "11", "session_id": "session", "token": "token", "seq_ack": -1}})
    );
    assert_eq!(
        value(select_protocol(
            "192.0.2.1:5000".parse().unwrap(),
            Mode::Aes256Gcm
        )),
        json!({"op": 1, "d": {"protocol": "udp",
            "data": {"address": "192.0.2.1", "port": 5000, "mode": "aead_aes256_gcm_rtpsize"}}})
    );
    assert_eq!(
        value(heartbeat(5, 9)),
        json!({"op": 3, "d": {"t": 5, "seq_ack": 9}})
    );
    assert_eq!(
        value(speaking(true, 7)),
        json!({"op": 5, "d": {"speaking": 1, "delay": 0, "ssrc": 7}})
    );
    assert_eq!(
        value(no_media_wanted([].into_iter())),
        json!({"op": 15, "d": {"any": 0}})
    );
    assert_eq!(
        value(no_media_wanted([8, 9].into_iter())),
        json!({"op": 15, "d": {"any": 0, "8": 0, "9": 0}})
    );
    let ready = dave(&Output::TransitionReady(4)).unwrap();
    assert_eq!(value(ready), json!({"op": 23, "d": {"transition_id": 4}}));
    let invalid = dave(&Output::InvalidCommitWelcome(4)).unwrap();
    assert_eq!(value(invalid), json!({"op": 31, "d": {"transition_id": 4}}));
    assert_eq!(
        dave(&Output::KeyPackage(vec![1, 2])).unwrap().into_data(),
        &[26, 1, 2][..]
    );
    assert_eq!(
        dave(&Output::CommitWelcome(vec![3])).unwrap().into_data(),
        &[28, 3][..]
    );
    assert!(dave(&Output::Restart).is_none());
}

#[test]
fn incoming_messages() {
    let hello = incoming(r#"{"op":8,"d":{"v":8,"heartbeat_interval":13750.5}}"#);
    assert!(matches!(hello, Incoming::Hello { interval_ms: 13750.5 }));
    let ready = incoming(
        r#"{"op":2,"d":{"ssrc":4294967295,"ip":"192.0.2.1","port":50001,"modes":["a","b"],"heartbeat_interval":1}}"#,
    );
    let Incoming::Ready(ready) = ready else {
        panic!("{ready:?}")
    };
    assert_eq!((ready.ssrc, ready.port, ready.modes.len()), (u32::MAX, 50_001, 2));
    let text = format!(
        r#"{{"op":4,"d":{{"mode":"m","secret_key":{:?},"dave_protocol_version":1,"x":null}},"seq":3}}"#,
        [7u8; 32]
    );
    let numbered = parse_text(&text).unwrap();
    assert_eq!(numbered.sequence, Some(3));
    let Incoming::SessionDescription(description) = numbered.message.unwrap() else {
        panic!("not op 4")
    };
    assert_eq!(
        (description.secret_key, description.dave_protocol_version),
        ([7; 32], 1)
    );
    assert!(
        !format!("{description:?}").contains('7'),
        "the key is not printed"
    );
    assert!(matches!(
        incoming(r#"{"op":6,"d":{"t":77}}"#),
        Incoming::HeartbeatAck { nonce: 77 }
    ));
    assert!(matches!(incoming(r#"{"op":9,"d":null}"#), Incoming::Resumed));
    assert!(matches!(incoming(r#"{"op":9}"#), Incoming::Resumed));
    assert!(matches!(incoming(r#"{"op":250,"d":[1]}"#), Incoming::Other));
    let Incoming::Dave(Input::UsersJoined(users)) = incoming(r#"{"op":11,"d":{"user_ids":["5",6]}}"#) else {
        panic!("not op 11")
    };
    assert_eq!(users, [5, 6]);
    let left = incoming(r#"{"op":13,"d":{"user_id":"5"}}"#);
    assert!(matches!(left, Incoming::Dave(Input::UserLeft(5))));
    let epoch = incoming(r#"{"op":24,"d":{"transition_id":1,"epoch":1,"protocol_version":1}}"#);
    assert!(matches!(
        epoch,
        Incoming::Dave(Input::PrepareEpoch { epoch: 1, version: 1 })
    ));
}

#[test]
fn unusable_data_keeps_its_number() {
    for text in [
        r#"{"op":2,"d":{},"seq":8}"#,
        r#"{"op":2,"d":{"ssrc":1,"ip":"nowhere","port":1,"modes":[]},"seq":8}"#,
        r#"{"op":4,"d":{"mode":"m","secret_key":[1,2]},"seq":8}"#,
        r#"{"op":11,"d":{"user_ids":["x"]},"seq":8}"#,
        r#"{"op":22,"d":{"transition_id":70000},"seq":8}"#,
        r#"{"op":8,"seq":8}"#,
    ] {
        let numbered = parse_text(text).unwrap();
        assert_eq!(numbered.sequence, Some(8), "{text}");
        assert!(numbered.message.is_err(), "{text}");
    }
    for text in ["", "null", "[]", "{}", r#"{"op":"x"}"#, r#"{"op":-1}"#] {
        assert!(parse_text(text).is_err(), "{text}");
    }
}

#[test]
fn binary_messages_have_number_opcode_and_transition() {
    let read = |bytes: &'static [u8]| parse_binary(Bytes::from_static(bytes));
    let numbered = read(&[0xFF, 0xFE, 29, 0, 7, 1, 2, 3]).unwrap();
    assert_eq!(numbered.sequence, Some(0xFFFE));
    let Incoming::Dave(Input::Commit { id: 7, message }) = numbered.message.unwrap() else {
        panic!("not op 29")
    };
    assert_eq!(message, &[1, 2, 3][..]);
    assert!(matches!(
        read(&[0, 1, 30, 0, 0]).unwrap().message,
        Ok(Incoming::Dave(Input::Welcome { id: 0, .. }))
    ));
    assert!(matches!(
        read(&[0, 1, 25]).unwrap().message,
        Ok(Incoming::Dave(Input::ExternalSender(_)))
    ));
    assert!(matches!(
        read(&[0, 1, 99, 1]).unwrap().message,
        Ok(Incoming::Other)
    ));
    assert!(read(&[0, 1, 29, 0]).unwrap().message.is_err());
    assert!(read(&[0, 1]).is_err() && read(&[]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        let _ = parse_binary(Bytes::from(bytes));
        let _ = parse_text(&text);
    }

    #[test]
    fn any_data_is_survived(op in 0u64..40, data in "[\\[\\]{}\":,0-9a-z_]{0,60}") {
        let _ = parse_text(&format!(r#"{{"op":{op},"d":{data}}}"#));
    }
}

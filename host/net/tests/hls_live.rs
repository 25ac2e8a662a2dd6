//! Live playlists and what their servers do to them, as bytes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockEncryptMut, KeyIvInit};
use fake_services::{FakeServices, Resource};
use lavalink_net::{
    ByteOrigin, EgressGuard, HlsOrigin, HttpClient, NetConfig, NetError, Request, describe_hls,
};

const HEAD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:0.5\n";

fn client() -> HttpClient {
    let config = NetConfig {
        egress: Arc::new(EgressGuard::allowing_private()),
        ..NetConfig::default()
    };
    HttpClient::new(config).expect("a client")
}

fn origin(services: &FakeServices) -> HlsOrigin {
    HlsOrigin::new(client(), Request::get(services.url("/live/list")))
}

/// A server with segments `/live/0` to `/live/19` whose text is their number.
async fn served() -> FakeServices {
    let services = FakeServices::start().await.expect("a server");
    for number in 0..20 {
        services.serve(
            format!("/live/{number}"),
            Resource::bytes("video/mp2t", format!("{number} ")),
        );
    }
    services
}

fn playlist(text: impl Into<String>) -> Resource {
    Resource::bytes("application/vnd.apple.mpegurl", text.into().into_bytes())
}

/// Segments from `first` on, of half a second each.
fn window(first: usize, count: usize, end: &str) -> String {
    let entries: String = (first..first + count)
        .map(|n| format!("#EXTINF:0.5,\n{n}\n"))
        .collect();
    format!("{HEAD}#EXT-X-MEDIA-SEQUENCE:{first}\n{entries}{end}")
}

/// Reads until `wanted` was read, or the end; a bar stands where a part begins.
async fn until(origin: &mut HlsOrigin, wanted: &str) -> Result<String, NetError> {
    let mut text = String::new();
    while wanted.is_empty() || !text.ends_with(wanted) {
        let bytes = origin.read(64).await?;
        if origin.begins_part() {
            text.push('|');
        }
        if bytes.is_empty() {
            break;
        }
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    Ok(text)
}

#[tokio::test]
async fn an_old_copy_of_the_playlist_is_not_played_again() {
    let services = served().await;
    services.serve("/live/list", playlist(window(7, 3, "")));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "9 ").await.expect("reads"), "7 8 9 ");
    // The next server has not heard of the last two yet.
    services.serve("/live/list", playlist(window(5, 3, "")));
    let reading = async { until(&mut origin, "").await };
    let serving = async {
        while services.hits("/live/list") < 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        services.serve("/live/list", playlist(window(8, 4, "#EXT-X-ENDLIST\n")));
    };
    let (rest, ()) = tokio::join!(reading, serving);
    assert_eq!(rest.expect("reads"), "10 11 ");
}

#[tokio::test]
async fn numbers_that_begin_anew_are_followed() {
    let services = served().await;
    services.serve("/live/list", playlist(window(15, 3, "")));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "17 ").await.expect("reads"), "15 16 17 ");
    services.serve("/live/list", playlist(window(0, 2, "#EXT-X-ENDLIST\n")));
    // A complete playlist is what it is: nothing of it comes after what was played.
    assert_eq!(until(&mut origin, "").await.expect("reads"), "");

    services.serve("/live/list", playlist(window(15, 3, "")));
    let mut origin = self::origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "17 ").await.expect("reads"), "15 16 17 ");
    services.serve("/live/list", playlist(window(0, 2, "")));
    assert_eq!(until(&mut origin, "1 ").await.expect("reads"), "|0 1 ");
}

#[tokio::test]
async fn what_is_left_of_a_stream_that_ended_meanwhile_is_played() {
    let services = served().await;
    services.serve("/live/list", playlist(window(0, 3, "")));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "2 ").await.expect("reads"), "0 1 2 ");
    // As after a long pause.
    services.serve("/live/list", playlist(window(8, 3, "#EXT-X-ENDLIST\n")));
    assert_eq!(until(&mut origin, "").await.expect("reads"), "|8 9 10 ");
}

#[tokio::test]
async fn a_window_that_slid_on_is_joined_near_its_end() {
    let services = served().await;
    services.serve("/live/list", playlist(window(0, 3, "")));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "2 ").await.expect("reads"), "0 1 2 ");
    services.serve("/live/list", playlist(window(9, 6, "")));
    assert_eq!(until(&mut origin, "14 ").await.expect("reads"), "|12 13 14 ");
}

#[tokio::test]
async fn a_playlist_that_cannot_be_had_for_a_while_ends_nothing() {
    let services = served().await;
    services.serve("/live/list", playlist(window(0, 3, "")));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "2 ").await.expect("reads"), "0 1 2 ");
    // Four attempts belong to one look at it.
    services.serve(
        "/live/list",
        playlist(window(1, 4, "#EXT-X-ENDLIST\n")).fail_first(6, 503),
    );
    assert_eq!(until(&mut origin, "").await.expect("reads"), "3 4 ");
}

#[tokio::test]
async fn missing_segments_are_not_asked_for() {
    let services = served().await;
    let list = format!(
        "{HEAD}#EXTINF:0.5,\n0\n#EXT-X-GAP\n#EXTINF:0.5,\n1\n#EXT-X-GAP\n#EXTINF:0.5,\n2\n#EXTINF:0.5,\n3\n#EXT-X-ENDLIST\n"
    );
    services.serve("/live/list", playlist(list));
    let described = describe_hls(&client(), Request::get(services.url("/live/list")))
        .await
        .expect("a playlist");
    assert_eq!(described.length, Some(Duration::from_secs(1)));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "").await.expect("reads"), "0 |3 ");
    assert_eq!((services.hits("/live/1"), services.hits("/live/2")), (0, 0));
}

#[tokio::test]
async fn a_segment_that_breaks_off_for_good_is_followed_by_a_new_beginning() {
    let services = served().await;
    services.serve("/live/init", Resource::bytes("video/mp4", "[section] "));
    // The rest of it is never had: a later range is refused.
    let broken = Resource::bytes("video/mp4", "all of one ")
        .cut_after(4, 1)
        .with_wrong_ranges(1);
    services.serve("/live/1", broken);
    let list = format!("{HEAD}#EXT-X-MAP:URI=\"init\"\n#EXTINF:0.5,\n0\n#EXTINF:0.5,\n1\n#EXTINF:0.5,\n2\n");
    services.serve("/live/list", playlist(list));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(
        until(&mut origin, "2 ").await.expect("reads"),
        "[section] 0 all |[section] 2 "
    );
}

#[tokio::test]
async fn a_compressed_playlist_is_read() {
    let services = served().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(window(0, 3, "#EXT-X-ENDLIST\n").as_bytes())
        .expect("memory");
    let packed = encoder.finish().expect("memory");
    let list = Resource::bytes("application/vnd.apple.mpegurl", packed).header("content-encoding", "gzip");
    services.serve("/live/list", list);
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(until(&mut origin, "").await.expect("reads"), "0 1 2 ");
}

#[tokio::test]
async fn keys_change_and_vectors_come_from_the_tag_or_the_number() {
    let services = served().await;
    let secret = |key: u8, iv: u128, text: &str| {
        let iv = iv.to_be_bytes();
        let cipher = cbc::Encryptor::<Aes128>::new(&[key; 16].into(), &iv.into());
        Resource::bytes(
            "video/mp2t",
            cipher.encrypt_padded_vec_mut::<Pkcs7>(text.as_bytes()),
        )
    };
    for (path, key) in [("/live/key-a", 1_u8), ("/keys/b", 2)] {
        services.serve(path, Resource::bytes("application/octet-stream", vec![key; 16]));
    }
    services.serve("/live/s4", secret(1, 0xabc, "four "));
    services.serve("/live/s5", secret(1, 0xabc, "five "));
    services.serve("/live/s6", secret(2, 6, "six "));
    services.serve("/live/s7", secret(2, 7, "seven "));
    let list = format!(
        "{HEAD}#EXT-X-MEDIA-SEQUENCE:4\n#EXT-X-KEY:METHOD=AES-128,URI=\"key-a\",IV=0xABC\n#EXTINF:0.5,\ns4\n#EXTINF:0.5,\ns5\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"{}\"\n#EXTINF:0.5,\ns6\n#EXTINF:0.5,\ns7\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:0.5,\n8\n#EXT-X-ENDLIST\n",
        services.url("/keys/b")
    );
    services.serve("/live/list", playlist(list));
    let mut origin = origin(&services);
    origin.open(0).await.expect("opens");
    assert_eq!(
        until(&mut origin, "").await.expect("reads"),
        "four five six seven 8 "
    );
    assert_eq!(
        (services.hits("/live/key-a"), services.hits("/keys/b")),
        (1, 1),
        "asked for once each"
    );
}

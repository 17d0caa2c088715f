//! PROXY headers, whole and broken, and what becomes of those that are silent.

use std::net::SocketAddr;

use proptest::prelude::*;
use proxy_header::{ProxiedAddress, Tlv};
use tokio::io::{AsyncWriteExt, duplex};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn named(source: &str, destination: &str) -> ProxyHeader<'static> {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    ProxyHeader::with_address(ProxiedAddress::stream(address(source), address(destination)))
}

fn v1(header: &ProxyHeader<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.encode_v1(&mut bytes).expect("it can be written");
    bytes
}

fn v2(header: &ProxyHeader<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    header.encode_v2(&mut bytes).expect("it can be written");
    bytes
}

fn header_alone() -> Handshake {
    Handshake { tls: None, header: true, time: LIMIT }
}

/// Returns what is found on a connection from 10.0.0.1 that begins with these bytes, and what is
/// left to read of it.
async fn prepared(bytes: &[u8]) -> io::Result<(IpAddr, Vec<u8>)> {
    let (mut client, server) = duplex(1 << 16);
    client.write_all(bytes).await?;
    drop(client);
    let (peer, mut io, ()) = header_alone().run(server, ip("10.0.0.1"), |_| Some(())).await?;
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await?;
    Ok((peer, rest))
}

#[tokio::test]
async fn a_header_names_the_client_and_what_follows_it_is_left() {
    let v4 = named("192.0.2.1:1000", "10.0.0.1:443");
    let v6 = named("[2001:db8::1]:1000", "[2001:db8::2]:443");
    let mut with_more = v4.clone();
    with_more.append_tlv(Tlv::Authority("chat.example".into()));
    with_more.append_tlv(Tlv::Noop(2000));
    for (header, client) in [
        (v1(&v4), "192.0.2.1"),
        (v1(&v6), "2001:db8::1"),
        (v2(&v4), "192.0.2.1"),
        (v2(&v6), "2001:db8::1"),
        (v2(&with_more), "192.0.2.1"),
        (v1(&named("[::ffff:192.0.2.1]:1000", "[::1]:443")), "192.0.2.1"),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".to_vec(), "255.255.255.255"),
    ] {
        for rest in [&b""[..], b"GET /health HTTP/1.1\r\n", &[0; 5000]] {
            let found = prepared(&[&header, rest].concat()).await.expect("a header");
            assert_eq!(found, (ip(client), rest.to_vec()), "{}", String::from_utf8_lossy(&header));
        }
    }
}

#[tokio::test]
async fn a_header_that_names_nobody_is_the_proxys_own() {
    let unix = [b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8".as_slice(), &[7; 216]].concat();
    let datagram = [b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c".as_slice(), &[9; 12]].concat();
    // LOCAL with an address: the address is to be ignored (section 2.2).
    let mut local = v2(&named("192.0.2.1:1000", "10.0.0.1:443"));
    local[12] = 0x20;
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".to_vec(),
        v2(&ProxyHeader::with_local()),
        local,
        unix,
        datagram,
    ] {
        let found = prepared(&[&header[..], b"rest"].concat()).await.expect("a header");
        assert_eq!(found, (ip("10.0.0.1"), b"rest".to_vec()), "{}", String::from_utf8_lossy(&header));
    }
}

#[tokio::test]
async fn what_is_no_header_ends_the_connection() {
    let whole = v2(&named("192.0.2.1:1000", "10.0.0.1:443"));
    let mut version = whole.clone();
    version[12] = 0x31;
    let too_long = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x10\x00".as_slice(), &[0; 4096]].concat();
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat();
    for bytes in [
        b"".as_slice(),
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a ClientHello",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1000 443",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1000 443\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1000 443\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 1000\r\n",
        b"PROXY TCP4 192.0.2.256 10.0.0.1 1000 443\r\n",
        b"PROXY\r\nGET / HTTP/1.1\r\n",
        b"proxy UNKNOWN\r\n",
        &whole[..whole.len() - 1],
        &whole[..15],
        &version,
        &too_long,
        &endless,
    ] {
        assert!(prepared(bytes).await.is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_in_pieces_is_put_together_and_one_that_does_not_end_is_given_up_in_time() {
    let header = v1(&named("192.0.2.1:1000", "10.0.0.1:443"));
    let (mut client, server) = duplex(1);
    let pieces = async {
        for byte in &header {
            client.write_all(&[*byte]).await.expect("somebody reads");
        }
        client
    };
    let (found, _client) = tokio::join!(header_alone().run(server, ip("10.0.0.1"), |_| Some(())), pieces);
    assert_eq!(found.expect("a header").0, ip("192.0.2.1"));

    for part in [0, 5, header.len() - 1] {
        let (mut client, server) = duplex(200);
        client.write_all(&header[..part]).await.expect("it fits");
        let began = tokio::time::Instant::now();
        let ended = header_alone().run(server, ip("10.0.0.1"), |_| Some(())).await;
        assert_eq!(ended.err().map(|error| error.kind()), Some(ErrorKind::TimedOut), "after {part} bytes");
        assert_eq!(began.elapsed(), LIMIT);
    }
}

#[tokio::test]
async fn whoever_a_header_names_may_be_refused_before_the_tls_handshake() {
    let (mut client, server) = duplex(1 << 16);
    client.write_all(&v1(&named("192.0.2.1:1000", "10.0.0.1:443"))).await.expect("it fits");
    let mut asked = None;
    let refused = |client| {
        asked = Some(client);
        None::<()>
    };
    let ended = header_alone().run(server, ip("10.0.0.1"), refused).await;
    assert_eq!(ended.err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
    assert_eq!(asked, Some(ip("192.0.2.1")));
}

#[tokio::test]
async fn a_bug_in_one_leaves_the_others() {
    let mut handshakes = Handshakes::default();
    handshakes.spawn(async { panic!("a bug") });
    assert_eq!(handshakes.ended().await, Some(()));
    handshakes.spawn(async {});
    assert_eq!(handshakes.ended().await, Some(()));
    assert_eq!(handshakes.ended().await, None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_read_past_the_header(start in prop_oneof![
        Just(&b""[..]), Just(&b"PROXY "[..]), Just(&b"PROXY TCP4 "[..]), Just(&b"PROXY UNKNOWN"[..]),
        Just(&b"\r\n\r\n\0\r\nQUIT\n"[..]), Just(&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"[..]),
    ], bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let all = [start, &bytes].concat();
        if let Ok((_, rest)) = runtime.block_on(prepared(&all)) {
            let header = all.get(..all.len() - rest.len()).expect("the rest is the end");
            prop_assert!(all.ends_with(&rest));
            let parsed = ProxyHeader::parse(header, ParseConfig::default());
            prop_assert_eq!(parsed.map(|(_, length)| length).ok(), Some(header.len()));
        }
    }
}

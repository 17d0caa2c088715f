//! Names that a listener answers to, origins that it lets in, and whom it takes a peer for.

use super::*;

fn clearnet(bound: &str, names: &[&str]) -> Listener {
    let names = names.iter().map(|name| host_name(name).expect("a name")).collect::<Vec<_>>();
    Listener::clearnet(bound.parse().expect("an address"), &names)
}

#[test]
fn a_tcp_listener_answers_to_every_loopback_name() {
    let listener = clearnet("127.0.0.1:8443", &[]);
    for host in
        ["localhost", "localhost.", "127.0.0.1", "127.1.2.3", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"]
    {
        assert!(listener.answers_to(host), "{host}");
    }
    for host in
        ["", "::1", "127.0.0.1:8443", "127.1", "0.0.0.0", "[::]", "128.0.0.1", "localhost.evil.example", "[127.0.0.1]"]
    {
        assert!(!listener.answers_to(host), "{host}");
    }
}

#[test]
fn it_answers_to_the_address_it_is_bound_to_and_to_the_configured_names() {
    let listener = clearnet("[2001:db8::7]:80", &["Chat.Example", "192.0.2.7", "[2001:DB8:0::8]"]);
    for host in [
        "[2001:db8::7]",
        "[2001:db8:0:0::7]",
        "chat.example",
        "Chat.Example.",
        "192.0.2.7",
        "[2001:db8::8]",
        "[::ffff:192.0.2.7]",
    ] {
        assert!(listener.answers_to(host), "{host}");
    }
    for host in ["example", "a.chat.example", "chat.example..", "192.0.2.8", "[2001:db8::9]"] {
        assert!(!listener.answers_to(host), "{host}");
    }
}

#[test]
fn bound_to_every_address_it_takes_none_of_them_for_its_own() {
    for bound in ["0.0.0.0:80", "[::]:80"] {
        let listener = clearnet(bound, &["chat.example"]);
        assert!(listener.answers_to("chat.example") && listener.answers_to("localhost"));
        assert!(!listener.answers_to("192.0.2.7") && !listener.answers_to("0.0.0.0") && !listener.answers_to("[::]"));
    }
}

#[test]
fn an_onion_listener_answers_to_its_own_name_only() {
    let listener = Listener { names: vec!["abc.onion".into()], ..Listener::default() };
    assert!(listener.answers_to("abc.onion"));
    assert!(!listener.answers_to("localhost") && !listener.answers_to("127.0.0.1") && !listener.answers_to("[::1]"));
}

fn with_origins(origins: &[&str]) -> Listener {
    let allowed_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Listener { allowed_origins, ..clearnet("127.0.0.1:8443", &["chat.example"]) }
}

#[test]
fn an_origin_is_a_scheme_a_host_and_a_port_and_nothing_else() {
    for (text, written) in [
        ("https://chat.example", "https://chat.example"),
        ("HTTPS://Chat.Example:443", "https://chat.example"),
        ("http://chat.example:80", "http://chat.example"),
        ("https://chat.example:80", "https://chat.example:80"),
        ("http://127.0.0.1:8443", "http://127.0.0.1:8443"),
        ("http://[2001:DB8:0::1]", "http://[2001:db8::1]"),
        ("http://[::1]:08443", "http://[::1]:8443"),
        // An app that is a page in a frame of its own.
        ("capacitor://localhost", "capacitor://localhost"),
        ("tauri://Localhost:80", "tauri://localhost:80"),
    ] {
        assert_eq!(origin(text).as_deref(), Some(written), "{text}");
    }
    for text in [
        "",
        "null",
        "*",
        "chat.example",
        "//chat.example",
        "https:chat.example",
        "ws://chat.example",
        "file://",
        "https://",
        "https://chat.example/",
        "https://chat.example/path",
        "https://user@chat.example",
        "https://*.chat.example",
        "https://chat.example:",
        "https://chat.example:+80",
        "https://chat.example:65536",
        "https://::1",
        "https://[::1",
        "https://a, https://b",
        " https://chat.example",
    ] {
        assert_eq!(origin(text), None, "{text}");
    }
}

#[test]
fn a_page_of_the_servers_own_may_ask_over_the_scheme_that_is_served() {
    let listener = with_origins(&[]);
    for (origin, host, https, allowed) in [
        ("http://chat.example", "chat.example", false, true),
        ("http://chat.example", "Chat.Example:80", false, true),
        ("http://chat.example:8443", "chat.example:8443", false, true),
        ("http://[::1]:8443", "[0:0:0:0:0:0:0:1]:8443", false, true),
        ("https://chat.example", "chat.example", true, true),
        ("https://chat.example", "chat.example:443", true, true),
        ("https://chat.example:8443", "chat.example:8443", true, true),
        // Another scheme, port or host is another origin.
        ("https://chat.example", "chat.example", false, false),
        ("http://chat.example", "chat.example", true, false),
        ("http://chat.example", "chat.example:8443", false, false),
        ("http://chat.example:8443", "chat.example", false, false),
        ("https://chat.example:80", "chat.example:80", false, false),
        ("http://other.example", "chat.example", false, false),
        ("http://a.chat.example", "chat.example", false, false),
        ("http://chat.example.evil.example", "chat.example", false, false),
        ("null", "chat.example", false, false),
        ("null", "null", false, false),
        ("", "", false, false),
        ("http://", "", false, false),
    ] {
        assert_eq!(listener.allows_origin(origin, host, https), allowed, "{origin} at {host}, https: {https}");
    }
}

#[test]
fn a_page_of_the_onion_address_may_ask_the_onion_service() {
    let listener = Listener { names: vec!["abc.onion".into()], ..Listener::default() };
    let circuit = Peer::Circuit(1);
    assert!(!listener.is_https(circuit, &HeaderMap::new()));
    assert!(listener.allows_origin("http://abc.onion", "abc.onion", false));
    assert!(listener.allows_origin("http://abc.onion:81", "abc.onion:81", false));
    for origin in ["https://abc.onion", "http://abc.onion:81", "http://other.onion", "null"] {
        assert!(!listener.allows_origin(origin, "abc.onion", false), "{origin}");
    }
}

#[test]
fn a_configured_origin_may_ask_exactly_as_it_stands() {
    let listener = with_origins(&["https://page.example", "http://localhost:3000"]);
    for origin in ["https://page.example", "https://PAGE.example:443", "http://localhost:3000"] {
        assert!(listener.allows_origin(origin, "chat.example", false), "{origin}");
        assert!(listener.allows_origin(origin, "chat.example", true), "{origin}");
    }
    for origin in [
        "http://page.example",
        "https://page.example:8443",
        "https://a.page.example",
        "https://page.example/",
        "http://localhost",
        "null",
        "*",
    ] {
        assert!(!listener.allows_origin(origin, "chat.example", false), "{origin}");
    }
}

#[test]
fn with_a_wildcard_every_page_may_ask_that_says_where_it_comes_from() {
    let listener = with_origins(&["*"]);
    assert!(listener.allows_any_origin() && !with_origins(&["https://page.example"]).allows_any_origin());
    for origin in ["https://page.example", "http://abc.onion", "chrome-extension://abc"] {
        assert!(listener.allows_origin(origin, "chat.example", false), "{origin}");
    }
    for origin in ["null", "Null", ""] {
        assert!(!listener.allows_origin(origin, "chat.example", false), "{origin}");
    }
}

fn behind_a_proxy(tls: bool) -> Listener {
    let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network"), "2001:db8::/32".parse().expect("a network")];
    Listener { trusted_proxies, tls, ..clearnet("127.0.0.1:8443", &[]) }
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| ((*name).parse().expect("a name"), value.parse().expect("a value"))).collect()
}

fn address(text: &str) -> Peer {
    Peer::Address(text.parse().expect("an address"))
}

#[test]
fn whom_a_trusted_proxy_names_is_the_peer_and_whom_another_names_is_not() {
    let listener = behind_a_proxy(false);
    let named = headers(&[("x-forwarded-for", "192.0.2.1")]);
    for proxy in ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"] {
        assert!(listener.is_trusted_proxy(proxy.parse().expect("an address")), "{proxy}");
        assert!(listener.peer_of(address(proxy), &named) == address("192.0.2.1"), "{proxy}");
        assert!(listener.peer_of(address(proxy), &HeaderMap::new()) != address("192.0.2.1"), "{proxy}");
    }
    for other in ["192.0.2.9", "127.0.0.1", "::1", "2001:db9::1"] {
        assert!(!listener.is_trusted_proxy(other.parse().expect("an address")), "{other}");
        assert!(listener.peer_of(address(other), &named) == address(other), "{other}");
    }
    assert!(listener.peer_of(Peer::Circuit(7), &named) == Peer::Circuit(7), "a circuit is nobody's proxy");
}

#[test]
fn the_scheme_is_the_one_that_a_trusted_proxy_names_and_else_the_listeners_own() {
    for tls in [false, true] {
        let listener = behind_a_proxy(tls);
        let is_https = |peer: &str, lines: &[(&'static str, &str)]| listener.is_https(address(peer), &headers(lines));
        for (name, https, http) in [
            ("x-forwarded-proto", "https", "http"),
            ("x-forwarded-proto", "WSS", "ws"),
            ("forwarded", "for=192.0.2.1;proto=https", "for=192.0.2.1;proto=http"),
            ("forwarded", "proto=\"https\"", "proto=\"http\""),
        ] {
            assert!(is_https("10.0.0.1", &[(name, https)]), "{https}");
            assert!(!is_https("10.0.0.1", &[(name, http)]), "{http}");
            assert_eq!(is_https("192.0.2.9", &[(name, https)]), tls, "{https}");
            assert_eq!(is_https("192.0.2.9", &[(name, http)]), tls, "{http}");
        }
        for unknown in [&[][..], &[("x-forwarded-proto", "gopher")], &[("forwarded", "proto=http;proto=https")]] {
            assert_eq!(is_https("10.0.0.1", unknown), tls);
        }
        assert!(is_https("10.0.0.1", &[("forwarded", "for=192.0.2.1"), ("x-forwarded-proto", "http, https")]));
    }
}

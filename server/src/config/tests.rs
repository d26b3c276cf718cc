use super::{settings::is_local, *};

#[test]
fn every_mistake_is_listed() {
    let config = Config::parse(
        r#"
        prefetch_mb = 12
        nonsense = 1
        log = "verbose"
        listen = ["0.0.0.0:7070", "nonsense", "unix:/tmp/a", "unix:/tmp/a"]
        admin = "unix:/x"
        prefetch_mib = 0
        max_streams = 0
        max_connections = 0
        max_connections_per_peer = 10000000
        handshake_seconds = 0
        simd = "avx1024"
        [[dataset]]
        name = "a b"
        path = "/nonexistent"
        [[dataset]]
        name = "a b"
        path = "/"
        leave = "x"
        "#,
    )
    .unwrap();
    let message = Settings::check(&config).unwrap_err().to_string();
    for part in [
        "prefetch_mb is not a key of the configuration; is prefetch_mib meant?",
        "nonsense is not a key of the configuration",
        "dataset.1.leave is not a key of the configuration; is dataset.leave_out meant?",
        "log = verbose",
        "allow_insecure_tcp",
        "'nonsense'",
        "unix:/tmp/a is listed twice",
        "admin: unix:/x",
        "prefetch_mib = 0",
        "max_streams = 0",
        "max_connections = 0",
        "max_connections_per_peer = 10000000",
        "handshake_seconds = 0",
        "avx1024",
        "letters, digits",
        "/nonexistent",
        "'a b' is listed twice",
    ] {
        assert!(message.contains(part), "no '{part}' in: {message}");
    }
}

#[test]
fn replay_memory_is_a_number_or_auto() {
    let read = |value: &str| toml::from_str::<Config>(&format!("replay_memory_mib = {value}"));
    assert_eq!(read("\"auto\"").unwrap().replay_memory_mib, MemoryMib::Auto);
    assert_eq!(read("300").unwrap().replay_memory_mib, MemoryMib::Mib(300));
    for wrong in ["\"some\"", "-1", "1.5", "[1]"] {
        let error = read(wrong).unwrap_err().to_string();
        assert!(error.contains("neither auto nor a number of MiB"), "{error}");
    }
}

#[test]
fn loopback_needs_no_flag() {
    for (listen, local) in [
        ("127.0.0.1:1", true),
        ("[::1]:1", true),
        ("localhost:1", true),
        ("unix:x", true),
        ("0.0.0.0:1", false),
        ("[::]:1", false),
        ("192.0.2.1:1", false),
    ] {
        assert_eq!(is_local(&listen.parse().unwrap()), local, "{listen}");
    }
}
